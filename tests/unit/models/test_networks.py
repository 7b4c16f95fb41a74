import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stillact.config.networks import CNN, FNN
from stillact.models import networks

PAPER = CNN(type="cnn", channels=[32, 64, 128], hidden=128)
SMALL = CNN(type="cnn", channels=[4, 6], hidden=5)
FULL = CNN(type="cnn", channels=[4, 6], hidden=5, batch_norm=True, dropout=0.3)
MATCHED = FNN(type="fnn", match="cnn_base")


def test_the_parameters_of_a_cnn_by_hand():
    # convolutions 3*9*4 + 4 and 4*9*6 + 6; dense 6*3*3*5 + 5 and 5*3 + 3
    assert networks.count_parameters(networks.build(SMALL, None, 12, 3)) == 112 + 222 + 275 + 18
    # with batch norm the convolutions have no bias, but a scale and a shift a filter
    count = networks.count_parameters(networks.build(FULL, None, 12, 3))
    assert count == (108 + 8) + (216 + 12) + 275 + 18


def test_the_parameters_of_the_papers_cnn():
    with torch.device("meta"):
        count = networks.count_parameters(networks.build(PAPER, None, 128, 3))
    assert count == 896 + 18_496 + 73_856 + (128 * 16 * 16 * 128 + 128) + (128 * 3 + 3)


def test_the_parameters_of_an_fnn_by_hand():
    assert networks.count_parameters(networks.fnn(48, 7, 2)) == (48 * 7 + 7) + (7 * 7 + 7) + 16


@pytest.mark.parametrize("block", [PAPER, PAPER.model_copy(update={"batch_norm": True}), SMALL])
@pytest.mark.parametrize("size", [32, 50, 128, 224])
def test_an_fnn_is_as_large_as_a_width_can_make_it(block, size):
    with torch.device("meta"):
        cnn = networks.count_parameters(networks.build(block, None, size, 3))
        fnn = networks.build(MATCHED, block, size, 3)
        width = fnn[1].out_features
        near = {
            w: abs(networks.count_parameters(networks.fnn(3 * size * size, w, 3)) - cnn)
            for w in (width - 1, width, width + 1)
            if w > 0
        }
    assert near[width] == min(near.values())
    if block is not SMALL:  # whose FNN is so narrow that one unit is more than 1 %
        assert near[width] < 0.01 * cnn


@pytest.mark.parametrize(("inputs", "classes"), [(3, 2), (12, 9), (300, 3)])
def test_the_width_is_found_again_from_the_number_of_parameters(inputs, classes):
    with torch.device("meta"):
        for width in range(2, 60):
            count = networks.count_parameters(networks.fnn(inputs, width, classes))
            assert networks.fnn_width(inputs, classes, count) == width
            assert networks.fnn_width(inputs, classes, count + width // 2) == width


def test_making_an_fnn_draws_its_own_weights_only():
    torch.manual_seed(1)
    built = networks.build(MATCHED, SMALL, 12, 3)
    torch.manual_seed(1)
    alone = networks.fnn(3 * 12 * 12, built[1].out_features, 3)
    weights = zip(built.state_dict().values(), alone.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


def by_hand(network: nn.Sequential, images: torch.Tensor) -> torch.Tensor:
    """Convolution, [batch norm,] ReLU, then max-pool, with the network's own weights."""
    x = images
    layers = list(network)
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            x = F.conv2d(x, layer.weight, layer.bias, padding=1)
            norm = layers[i + 1]
            if isinstance(norm, nn.BatchNorm2d):
                state = norm.running_mean, norm.running_var, norm.weight, norm.bias
                x = F.batch_norm(x, *state, eps=1e-5)
            x = F.max_pool2d(F.relu(x), 2)
    first, last = (layer for layer in layers if isinstance(layer, nn.Linear))
    hidden = F.relu(F.linear(x.flatten(1), first.weight, first.bias))
    return F.linear(hidden, last.weight, last.bias)


@pytest.mark.parametrize("block", [SMALL, FULL])
def test_pooling_before_relu_is_pooling_after_it(block):
    torch.manual_seed(0)
    network = networks.build(block, None, 20, 3)
    images = torch.rand(7, 3, 20, 20) * 2 - 1
    if block.batch_norm:
        network(images)  # the running means are no longer 0 and 1
        nn.init.normal_(network[1].weight)  # some scales negative
    network.eval()
    assert torch.equal(network(images), by_hand(network, images))


def test_dropout_stands_after_each_block_and_before_the_last_layer():
    kinds = [type(layer) for layer in networks.build(FULL, None, 12, 3)]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.ReLU, nn.Dropout2d]
    dense = [nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert kinds == [*block, *block, *dense]
    network = networks.build(FULL, None, 12, 3)
    assert [layer.p for layer in network if isinstance(layer, nn.Dropout2d)] == [0.15, 0.15]
    assert [layer.p for layer in network if isinstance(layer, nn.Dropout)] == [0.3]


@pytest.mark.parametrize("size", [16, 17, 30, 43])
@pytest.mark.parametrize(
    ("block", "matched"), [(PAPER, None), (SMALL, None), (FULL, None), (MATCHED, SMALL)]
)
def test_images_of_any_size_give_logits(block, matched, size):
    network = networks.build(block, matched, size, 4)
    logits = network(torch.rand(2, 3, size, size))
    assert logits.shape == (2, 4)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    assert logits.min() < 0  # no ReLU after the last layer
