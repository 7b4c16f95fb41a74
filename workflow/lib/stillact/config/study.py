"""The typed view of config.yaml. It is the one place where a key, its type, its range and its
meaning are written down; `workflow/schemas/config.schema.yaml` is made from it (`make schema`).
"""

import math
import re
from typing import Annotated, Any, Literal, NoReturn

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stillact.core.errors import InputError, did_you_mean
from stillact.core.runs import Run

# Names end up in file names and Snakemake wildcards.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Repeats = Annotated[int, Field(ge=0, description="Repeats of splits.kfold.")]
Geometry = Literal["resize_crop", "letterbox"]


class Block(BaseModel):
    """A block of the config: unknown keys are errors that name the nearest known key."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, block: Any) -> Any:
        for key in block if isinstance(block, dict) else ():
            if key not in cls.model_fields:
                hint = did_you_mean(str(key), cls.model_fields)
                known = ", ".join(cls.model_fields)
                _fault(
                    "unknown key {key}.{hint} Known keys: {known}",
                    key=repr(key),
                    hint=hint,
                    known=known,
                )
        return block


class Dataset(Block):
    name: Annotated[Name, Field(description="Name of the dataset, shown in the report.")]
    manifest: Annotated[
        str,
        Field(
            min_length=1,
            description="CSV of labelled photo URLs. A path under results/ is made by a rule: "
            "results/stage/manifest.csv (rendered scenes), results/curate/manifest.csv (COCO).",
        ),
    ]
    classes: Annotated[
        list[Name], Field(min_length=2, description="Labels that the manifest may hold, in order.")
    ]
    local_dirs: Annotated[
        list[str],
        Field(description="Folders searched for a photo's file name before the network."),
    ] = []
    cache: Annotated[
        str, Field(min_length=1, description="Folder of fetched photos; survives `rm -r results`.")
    ] = "cache"
    on_missing: Annotated[
        Literal["fail", "drop"],
        Field(description="What a photo that cannot be had does: end the study, or be left out."),
    ] = "fail"
    allow_private_hosts: Annotated[
        bool,
        Field(
            description="Whether URLs may lead to this machine or its own network. false for a "
            "manifest from others; behind a proxy only addresses in numbers are then judged."
        ),
    ] = True


class Fetch(Block):
    concurrency: Annotated[Count, Field(description="Requests under way at once.")] = 16
    per_host: Annotated[Count, Field(description="Requests under way at once to one host.")] = 8
    timeout_s: Annotated[Positive, Field(description="Seconds without a byte.")] = 30.0
    attempts: Annotated[Count, Field(description="Tries a URL, first one included.")] = 5
    backoff_s: Annotated[
        Positive, Field(description="Seconds before the second try; doubles with each, jittered.")
    ] = 1.0
    max_wait_s: Annotated[
        Positive, Field(description="Longest wait between tries in seconds, Retry-After included.")
    ] = 60.0
    max_redirects: Annotated[int, Field(ge=0, description="Redirects followed a URL.")] = 5
    max_bytes: Annotated[Count, Field(description="Largest file accepted, bytes.")] = 50_000_000
    max_pixels: Annotated[
        int, Field(ge=1, le=178_000_000, description="Largest photo accepted, pixels.")
    ] = 100_000_000


class Curate(Block):
    captions: Annotated[
        str | None, Field(description="COCO captions JSON; null: from annotations_url.")
    ] = None
    instances: Annotated[
        str | None, Field(description="COCO instances JSON; null: from annotations_url.")
    ] = None
    annotations_url: Annotated[str, Field(description="The official annotations archive (zip).")]
    captions_member: Annotated[str, Field(description="Captions file inside that archive.")]
    instances_member: Annotated[str, Field(description="Instances file inside that archive.")]
    verbs: Annotated[dict[Name, list[str]], Field(description="Verb forms that name a class.")]
    person_nouns: Annotated[list[str], Field(description="Nouns that name a person.")]
    max_words_between: Annotated[
        int, Field(ge=0, description="Most words between a person noun and a verb.")
    ]
    min_person_fraction: Annotated[
        Fraction, Field(description="Smallest share of the image for its largest person box.")
    ]
    images_per_class: Annotated[dict[Name, Count], Field(description="Rows taken a class.")]


class Stage(Block):
    images_per_class: Annotated[dict[Name, Count], Field(description="Scenes rendered a class.")]
    seed: Annotated[Seed, Field(description="Seed of the scenes.")]


class Tower(Block):
    """How one of the tiny towers of the embedded default is trained."""

    epochs: Annotated[Count, Field(description="Passes over the captioned scenes.")]
    learning_rate: Annotated[
        Positive, Field(description="Highest step size of AdamW; Muon's is five times that.")
    ]


class Pretrain(Block):
    """The embedded default's own backbones: tiny towers trained on captioned scenes."""

    scenes: Annotated[Count, Field(description="Scenes rendered, as many of each label.")]
    shards: Annotated[Count, Field(description="Jobs that render them, side by side.")]
    seed: Annotated[Seed, Field(description="Seed of the scenes and of the towers.")]
    size: Annotated[
        int, Field(ge=32, le=224, multiple_of=16, description="Side of the input, pixels.")
    ]
    width: Annotated[
        int,
        Field(ge=32, multiple_of=32, description="Width of the image tower; heads are 32 wide."),
    ]
    layers: Annotated[Count, Field(description="Blocks of the image tower.")]
    text_width: Annotated[
        int, Field(ge=32, multiple_of=32, description="Width of the text tower; heads are 32 wide.")
    ]
    text_layers: Annotated[Count, Field(description="Blocks of the text tower.")]
    batch_size: Annotated[int, Field(ge=2, description="Scenes a step.")]
    weight_decay: Annotated[float, Field(ge=0, description="Not on biases, norms and embeddings.")]
    towers: Annotated[
        dict[Literal["vit", "clip", "siglip"], Tower],
        Field(
            description="What is trained: vit on the place of limbs and other attributes; clip "
            "and siglip, which start from the vit, on captions."
        ),
    ]


class Duplicates(Block):
    max_distance: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="Photos whose 64-bit perceptual hashes differ in at most "
            "this many bits are near-duplicates.",
        ),
    ]


class Fractions(Block):
    train: Annotated[Fraction, Field(description="Trained on.")]
    validation: Annotated[Fraction, Field(description="Decides when training ends.")]
    test: Annotated[Fraction, Field(description="Judged on, once.")]

    @model_validator(mode="after")
    def _sum(self) -> "Fractions":
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-9):
            _fault(
                "train {train} + validation {validation} + test {test} = {total}; they must "
                "add up to 1",
                **self.model_dump(),
                total=round(total, 9),
            )
        return self


class KFold(Block):
    folds: Annotated[int, Field(ge=2, description="Folds a repeat.")]
    repeats: Annotated[Count, Field(description="Repeats, each with its own shuffle.")]


class Splits(Block):
    seed: Annotated[Seed, Field(description="Seed of the holdout split and of the folds.")]
    fractions: Annotated[Fractions, Field(description="Shares of the holdout split.")]
    kfold: Annotated[KFold, Field(description="Repeated stratified k-fold.")]


class CrossValidation(Block):
    """Repeats of the folds that the models of each recipe are judged on; 0: the holdout alone."""

    from_scratch: Repeats
    fine_tune: Repeats
    mlp: Repeats
    zero_shot: Repeats
    linear_probe: Repeats
    prolip: Repeats
    wise_ft: Repeats
    views: Repeats


class Task(Block):
    classes: Annotated[list[Name], Field(min_length=2, description="The classes told apart.")]
    models: Annotated[list[Name], Field(description="Models trained on this task.")]
    beyond: Annotated[
        list[Name],
        Field(
            description="Models past the paper, trained too, and judged in a table of their own."
        ),
    ] = []

    @property
    def every_model(self) -> list[str]:
        return [*self.models, *self.beyond]


class CNN(Block):
    """Convolutional blocks (3x3, padding 1, ReLU, 2x2 max-pool), then two dense layers."""

    type: Literal["cnn"]
    channels: Annotated[list[Count], Field(min_length=1, description="Filters a block.")]
    hidden: Annotated[Count, Field(description="Width of the first dense layer.")]
    batch_norm: Annotated[bool, Field(description="Batch norm after each convolution.")] = False
    dropout: Annotated[
        Fraction, Field(description="Dropout before the last layer; half of it after each block.")
    ] = 0.0


class FNN(Block):
    """Dense net with two hidden layers of one width, as wide as gives it as many parameters as
    the model that it is matched with."""

    type: Literal["fnn"]
    match: Annotated[Name, Field(description="Model whose number of parameters is matched.")]


Chance = Annotated[Fraction, Field(description="Probability that an image is changed.")]
Jitter = Annotated[float, Field(ge=0, description="Factor drawn from 1 minus this to 1 plus this.")]


class VerticalFlip(Block):
    name: Literal["vertical_flip"]
    p: Chance = 0.5


class HorizontalFlip(Block):
    name: Literal["horizontal_flip"]
    p: Chance = 0.5


class Perspective(Block):
    name: Literal["perspective"]
    distortion: Annotated[Fraction, Field(description="How far corners may move.")] = 0.5
    p: Chance = 0.5


class RandomResizedCrop(Block):
    name: Literal["random_resized_crop"]
    min_area: Annotated[
        float, Field(gt=0, le=1, description="Smallest crop, as a share of the image.")
    ] = 0.5
    max_area: Annotated[
        float, Field(gt=0, le=1, description="Largest crop, as a share of the image.")
    ] = 1.0

    @model_validator(mode="after")
    def _order(self) -> "RandomResizedCrop":
        return _ordered(self, "min_area", "max_area")


class ColourJitter(Block):
    name: Literal["colour_jitter"]
    brightness: Jitter = 0.4
    contrast: Jitter = 0.4
    saturation: Jitter = 0.4
    hue: Annotated[
        float, Field(ge=0, le=0.5, description="Largest shift, as a share of the colour circle.")
    ] = 0.1


class GaussianBlur(Block):
    name: Literal["gaussian_blur"]
    min_sigma: Annotated[Positive, Field(description="Pixels at an input of 128 px.")] = 0.1
    max_sigma: Annotated[Positive, Field(description="Pixels at an input of 128 px.")] = 2.0

    @model_validator(mode="after")
    def _order(self) -> "GaussianBlur":
        return _ordered(self, "min_sigma", "max_sigma")


class Rotation(Block):
    name: Literal["rotation"]
    degrees: Annotated[float, Field(ge=0, le=180, description="Largest turn to either side.")] = (
        15.0
    )


class Greyscale(Block):
    name: Literal["greyscale"]
    p: Chance = 1.0


Augmentation = Annotated[
    VerticalFlip
    | HorizontalFlip
    | Perspective
    | RandomResizedCrop
    | ColourJitter
    | GaussianBlur
    | Rotation
    | Greyscale,
    Field(discriminator="name"),
]


class Training(Block):
    """AdamW on the cross-entropy; ends `patience` epochs after the best validation loss."""

    learning_rate: Annotated[Positive, Field(description="Adam's step size, at its highest.")]
    schedule: Annotated[
        Literal["constant", "cosine"],
        Field(description="Step size after the warm-up: constant, or falling to 0 as a cosine."),
    ] = "constant"
    warmup: Annotated[
        Fraction, Field(description="Share of all steps in which the step size rises from 0.")
    ] = 0.0
    weight_decay: Annotated[float, Field(ge=0, description="Shrinkage a step, times step size.")]
    clip_norm: Annotated[
        Positive | None, Field(description="Longest gradient (L2 norm); null: not clipped.")
    ] = None
    label_smoothing: Annotated[
        Fraction, Field(description="Share of a label spread evenly over the classes.")
    ] = 0.0
    batch_size: Annotated[Count, Field(description="Photos a step.")]
    max_epochs: Annotated[Count, Field(description="Passes over the training photos at most.")]
    patience: Annotated[
        Count, Field(description="Epochs without a better validation loss before the end.")
    ]


class FromScratch(Training):
    """A network from a random start."""

    size: Annotated[int, Field(ge=16, le=1024, description="Side of the square input, pixels.")]
    geometry: Annotated[
        Geometry, Field(description="How a photo becomes square: resize_crop or letterbox.")
    ]


class FineTune(Training):
    """All parameters of a backbone and a new head. Biases, norms and embeddings do not decay."""

    layer_decay: Annotated[
        float,
        Field(gt=0, le=1, description="Step size of a layer over that of the layer above it."),
    ] = 1.0
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(description="Of the arithmetic in training; auto: bf16 on a GPU, fp32 on a CPU."),
    ] = "auto"
    threads: Annotated[
        Count, Field(description="CPU threads a job, at most --cores; a GPU job needs few.")
    ] = 1


class MLP(Training):
    """Dense layers with batch norm, ReLU and dropout on a backbone's features."""

    hidden: Annotated[list[Count], Field(min_length=1, description="Widths of the hidden layers.")]
    dropout: Annotated[Fraction, Field(description="Dropout after each hidden layer.")]


class LinearProbe(Block):
    """Multinomial logistic regression on a backbone's L2-normalised embeddings."""

    c: Annotated[
        list[Positive],
        Field(min_length=1, description="Inverse strengths of the L2 penalty to choose from."),
    ]
    folds: Annotated[
        int, Field(ge=2, description="Folds of the training photos on which C is chosen.")
    ]


class ProLIP(Training):
    """The last projection of a backbone's image tower, on features before it that stay as they
    are; the class prompts classify (ProLIP, arXiv 2410.05270)."""

    penalty: Annotated[
        float,
        Field(
            ge=0,
            description="Of the squared distance from the pretrained projection; divided "
            "by the training photos a class.",
        ),
    ]


class WiseFT(Block):
    """Weights between the zero-shot and the fine-tuned model (WiSE-FT, arXiv 2109.01903)."""

    steps: Annotated[Count, Field(description="Steps of alpha from 0 (zero-shot) to 1 (tuned).")]


class Recipes(Block):
    from_scratch: FromScratch
    fine_tune: FineTune
    mlp: MLP
    linear_probe: LinearProbe
    prolip: ProLIP
    wise_ft: WiseFT


class Backbone(Block):
    """A pretrained model: which library builds it, under which name, and where its weights are."""

    loader: Annotated[
        Literal["open_clip", "transformers", "timm"],
        Field(description="The library that builds the model."),
    ]
    name: Annotated[
        str,
        Field(
            min_length=1,
            description="Architecture: a name of open_clip.list_models() or timm.list_models(); "
            "for transformers the model type: clip, siglip (SigLIP2 at a fixed size too) or vit. "
            "local-dir: (open_clip, timm) takes it from the config in the weights' folder.",
        ),
    ]
    weights: Annotated[
        str,
        Field(
            min_length=1,
            description="hub:owner/model, or a local folder or file (.safetensors, .bin, .pt).",
        ),
    ]
    revision: Annotated[
        str | None,
        Field(min_length=1, description="The hub's commit (40 hex digits), tag or branch."),
    ] = None
    licence: Annotated[str | None, Field(description="Licence of the weights.")] = None
    geometry: Annotated[
        Geometry | None,
        Field(description="How a photo becomes square; null: as the authors of the weights do it."),
    ] = None

    @model_validator(mode="after")
    def _source(self) -> "Backbone":
        if self.repository is None and self.revision is not None:
            _fault(
                "revision: {revision} belongs to weights on the hub; leave it out with a local "
                "path",
                revision=repr(self.revision),
            )
        if self.repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repository):
            _fault(
                "weights: {weights} is no hub id; write hub:owner/model", weights=repr(self.weights)
            )
        if self.repository is not None and self.revision is None:
            _fault(
                "weights: {weights} needs a revision: a commit of that repository",
                weights=repr(self.weights),
            )
        return self

    @property
    def repository(self) -> str | None:
        """The id on the hub, or None where the weights are a local path."""
        return self.weights[4:] if self.weights.startswith("hub:") else None


Augment = Annotated[list[Augmentation], Field(description="Applied in this order.")]
BackboneName = Annotated[Name, Field(description="One of `backbones`.")]
Prompts = Annotated[Name | None, Field(description="One of `prompts`.")]
PromptsNeeded = Annotated[Name, Field(description="One of `prompts`.")]


class FromScratchModel(Block):
    recipe: Literal["from_scratch"]
    network: Annotated[CNN | FNN, Field(discriminator="type", description="What is trained.")]
    augment: Augment = []


class FineTuneModel(Block):
    recipe: Literal["fine_tune"]
    backbone: BackboneName
    head: Annotated[
        Literal["random", "text", "probe", "text_tower"],
        Field(
            description="What classifies, at its start: a random head; the embeddings of the "
            "prompts; a linear probe (LP-FT, arXiv 2202.10054); or, to the end, the prompts as "
            "the text tower embeds them, which is trained too (FLYP, arXiv 2212.00638)."
        ),
    ] = "random"
    prompts: Prompts = None
    augment: Augment = []

    @model_validator(mode="after")
    def _start(self) -> "FineTuneModel":
        return _prompts_where_used(self, "head", ("text", "text_tower"))


class MLPModel(Block):
    recipe: Literal["mlp"]
    backbone: BackboneName
    features: Annotated[
        Literal["embedding", "similarity"],
        Field(description="The image's embedding, or its similarity to each class's prompts."),
    ]
    prompts: Prompts = None

    @model_validator(mode="after")
    def _features(self) -> "MLPModel":
        return _prompts_where_used(self, "features", ("similarity",))


class ZeroShotModel(Block):
    """Nothing is trained: the class whose prompts are most similar to the photo."""

    recipe: Literal["zero_shot"]
    backbone: BackboneName
    prompts: PromptsNeeded


class LinearProbeModel(Block):
    recipe: Literal["linear_probe"]
    backbone: BackboneName


class ProLIPModel(Block):
    recipe: Literal["prolip"]
    backbone: BackboneName
    prompts: PromptsNeeded


class WiseFTModel(Block):
    recipe: Literal["wise_ft"]
    of: Annotated[Name, Field(description="A fine-tuned model whose head starts from prompts.")]


class SeedSoupModel(Block):
    """The mean of the weights of all seeds (model soups, arXiv 2203.05482)."""

    recipe: Literal["seed_soup"]
    of: Annotated[Name, Field(description="A fine-tuned model whose seeds have one start.")]


class ViewsModel(Block):
    """A trained model asked about several views of a photo; logits are averaged."""

    recipe: Literal["views"]
    of: Annotated[Name, Field(description="A model on a backbone.")]
    views: Annotated[
        list[Literal["whole", "flip", "letterbox", "person"]],
        Field(
            min_length=1,
            description="whole: the photo as the backbone's authors see it; flip: its mirror "
            "image; letterbox: all of the photo, padded; person: the largest person box times "
            "1.3, padded.",
        ),
    ]


Model = Annotated[
    FromScratchModel
    | FineTuneModel
    | MLPModel
    | ZeroShotModel
    | LinearProbeModel
    | ProLIPModel
    | WiseFTModel
    | SeedSoupModel
    | ViewsModel,
    Field(discriminator="recipe", description="How it is trained, and what."),
]
Derived = WiseFTModel | SeedSoupModel | ViewsModel  # made of the trained runs of another model


class AugmentationStudy(Block):
    task: Annotated[
        Name | None,
        Field(
            description="Task that the variants are trained on; null: the main task, where that "
            "has the model, else no study."
        ),
    ] = None
    model: Annotated[Name, Field(description="Model that each variant trains.")]
    variants: Annotated[
        dict[Name, list[Augmentation]],
        Field(
            description="Augmentations of each variant, in place of the model's own; one that is "
            "the model's own is that model, not a second one."
        ),
    ]


class FromScratchPlan(FromScratchModel):
    """All that the result of a run depends on, besides its files, its split and its seed."""

    classes: list[Name]
    training: FromScratch
    matched: CNN | None


class FineTunePlan(FineTuneModel):
    classes: list[Name]
    training: FineTune
    probe: LinearProbe | None = None  # where the head starts from one
    texts: dict[Name, list[Text]] | None = None  # a class, where the text tower is trained too


class MLPPlan(MLPModel):
    classes: list[Name]
    training: MLP


class ZeroShotPlan(ZeroShotModel):
    classes: list[Name]


class LinearProbePlan(LinearProbeModel):
    classes: list[Name]
    training: LinearProbe


class ProLIPPlan(ProLIPModel):
    classes: list[Name]
    training: ProLIP


OnBackbone = Annotated[
    FineTunePlan | MLPPlan | ZeroShotPlan | LinearProbePlan | ProLIPPlan,
    Field(discriminator="recipe"),
]


class WiseFTPlan(Block):
    recipe: Literal["wise_ft"]
    of: FineTunePlan
    training: WiseFT

    @property
    def classes(self) -> list[str]:
        return self.of.classes


class SeedSoupPlan(Block):
    recipe: Literal["seed_soup"]
    of: FineTunePlan

    @property
    def classes(self) -> list[str]:
        return self.of.classes


class ViewsPlan(Block):
    recipe: Literal["views"]
    of: OnBackbone
    views: list[str]

    @property
    def classes(self) -> list[str]:
        return self.of.classes


Plan = (
    FromScratchPlan
    | FineTunePlan
    | MLPPlan
    | ZeroShotPlan
    | LinearProbePlan
    | ProLIPPlan
    | WiseFTPlan
    | SeedSoupPlan
    | ViewsPlan
)
PLANS = {  # the simplest first
    "zero_shot": ZeroShotPlan,
    "linear_probe": LinearProbePlan,
    "prolip": ProLIPPlan,
    "mlp": MLPPlan,
    "from_scratch": FromScratchPlan,
    "fine_tune": FineTunePlan,
    "wise_ft": WiseFTPlan,
    "seed_soup": SeedSoupPlan,
    "views": ViewsPlan,
}
PLAN = TypeAdapter(Annotated[Plan, Field(discriminator="recipe")])


class Templates(Block):
    """A prompt set made of another one: each of its texts in each template."""

    of: Annotated[Name, Field(description="The prompt set whose texts are put in.")]
    templates: Annotated[
        list[Text], Field(min_length=1, description="Texts with one {} where the other's go.")
    ]

    @model_validator(mode="after")
    def _one_place(self) -> "Templates":
        for template in self.templates:
            if template.replace("{}", "", 1).count("{") or template.count("{}") != 1:
                _fault(
                    "templates: {template} must have one {} for a class's text",
                    template=repr(template),
                )
        return self


Texts = Annotated[
    dict[Name, Annotated[list[Text], Field(min_length=1)]],
    Field(description="For each class the texts that stand for it."),
]
PromptSet = Annotated[
    Annotated[Texts, Tag("texts")] | Annotated[Templates, Tag("templates")],
    Discriminator(lambda block: "templates" if _has_templates(block) else "texts"),
]


def _has_templates(block: Any) -> bool:
    return isinstance(block, Templates) or (
        isinstance(block, dict) and isinstance(block.get("of"), str)
    )


class Statistics(Block):
    """The paper's tests, on the main task's test photos, with seeds as replicates. A model that the
    study does not have is left out, and named there."""

    anova: Annotated[
        dict[Name, list[Name]],
        Field(description="Analyses of variance: the models that each compares."),
    ]
    t_test: Annotated[
        list[Name], Field(min_length=2, max_length=2, description="Two models, paired by seed.")
    ]


class Explain(Block):
    """Where the fine-tuned transformers of the main task look, on its test photos, with the first
    seed."""

    layers: Annotated[
        list[Count | Literal["all"]],
        Field(min_length=1, description="LeGrad: the last so many blocks; the first one is drawn."),
    ]
    model: Annotated[
        Name | None,
        Field(description="Fine-tuned model of figure 4; null: the best one on validation."),
    ] = None
    steps: Annotated[Count, Field(description="Insertion and deletion: steps from none to all.")]
    shuffled_labels: Annotated[
        bool,
        Field(description="Train each once more, on shuffled labels: do maps hang on learning?"),
    ]


class Selection(Block):
    """One model is chosen on photos that are not tested on: in every run, and to be used."""

    by: Annotated[
        Literal["log_loss", "accuracy"],
        Field(description="What is compared."),
    ]
    inner: Annotated[
        list[Literal["zero_shot", "linear_probe"]],
        Field(
            description="Recipes whose models are compared on all photos but those that a fold "
            "tests on, fitted anew without each training fold; the others on its validation photos."
        ),
    ]


# What can be wrong with a photo: what imagecorruptions makes of it, and what `corruptions` does.
# All but the last two come at severities.
OF_IMAGECORRUPTIONS = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
)
WITHOUT_SEVERITY = ("grey", "person_covered")
CORRUPTIONS = (*OF_IMAGECORRUPTIONS, "low_resolution", *WITHOUT_SEVERITY)

Severity = Annotated[int, Field(ge=1, le=5, description="1 for mild, 5 for severe.")]


class Robustness(Block):
    """Models asked about the main task's test photos again, made worse."""

    models: Annotated[
        list[Name],
        Field(description="Those that the main task has, but no views; none: nothing is asked."),
    ]
    corruptions: Annotated[
        list[Name],
        Field(
            min_length=1,
            description="Of imagecorruptions, and low_resolution, each at every severity; and "
            "grey, person_covered.",
        ),
    ]
    severities: Annotated[list[Severity], Field(min_length=1)]

    @model_validator(mode="after")
    def _names(self) -> "Robustness":
        for key, names in self:
            _unique(key, names)
        _known("corruptions", self.corruptions, CORRUPTIONS)
        return self


class Sweep(Block):
    """One fine-tuned model trained with every combination of settings: how much hangs on them. It
    is judged on the validation photos of the main task, with the first seed."""

    model: Annotated[Name | None, Field(description="A fine-tuned model; null: no sweep.")]
    learning_rate: Annotated[list[Positive], Field(min_length=1)]
    layer_decay: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]
    augment: Annotated[
        dict[Name, list[Augmentation]],
        Field(min_length=1, description="Strengths of augmentation, by name."),
    ]


class External(Block):
    """A second dataset with the main task's classes, on which nothing is trained or chosen."""

    name: Annotated[Name, Field(description="Its name, shown in the report.")]
    manifest: Annotated[Text, Field(description="CSV like dataset.manifest.")]


class Predict(Block):
    """How the model that is used answers."""

    accuracy: Annotated[
        Fraction,
        Field(
            description="Abstain below the confidence from which on the answers on validation "
            "photos are right at this rate."
        ),
    ] = 0.9
    gallery: Annotated[
        int, Field(ge=0, description="Photos shown in the gallery; the table has all.")
    ] = 60


# The keys of a config that are no part of its study: how the model is used afterwards.
AFTERWARDS = ("photos", "use", "predict")


class Config(Block):
    """The study: data, splits, models and how they are trained."""

    dataset: Dataset
    fetch: Fetch
    curate: Curate
    stage: Stage
    pretrain: Pretrain
    duplicates: Duplicates
    splits: Splits
    cross_validation: CrossValidation
    tasks: Annotated[
        dict[Name, Task], Field(min_length=1, description="What is told apart; the first is main.")
    ]
    recipes: Recipes
    backbones: Annotated[
        dict[Name, Backbone], Field(description="Pretrained models, by the name recipes call them.")
    ]
    prompts: Annotated[
        dict[Name, PromptSet], Field(description="Prompt sets: texts that stand for a class.")
    ]
    models: Annotated[dict[Name, Model], Field(description="Models, by the name of their runs.")]
    augmentation_study: AugmentationStudy
    statistics: Statistics
    explain: Explain
    selection: Selection
    robustness: Robustness
    sweep: Sweep
    external: Annotated[External | None, Field(description="null: no external test.")] = None
    photos: Annotated[
        str | None,
        Field(description="Folder, or CSV with a column url, that `predict` is asked about."),
    ] = None
    use: Annotated[
        Name | None,
        Field(description="Model that `predict` and `export` take; null: the selected one."),
    ] = None
    predict: Predict = Predict()
    seeds: Annotated[list[Seed], Field(min_length=1, description="One training run each.")]
    runs_per_job: Annotated[Count, Field(description="Seeds trained in one process.")]
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Field(description="auto: a GPU where there is one.")
    ]

    @model_validator(mode="after")
    def _names_agree(self) -> "Config":
        _unique("seeds", self.seeds)
        _unique("dataset.classes", self.dataset.classes)
        for block in ("curate", "stage"):
            if self.dataset.manifest == f"results/{block}/manifest.csv":
                wanted = getattr(self, block).images_per_class
                _known(f"{block}.images_per_class", wanted, self.dataset.classes)
        _known("curate.images_per_class", self.curate.images_per_class, self.curate.verbs)
        for name, task in self.tasks.items():
            _unique(f"tasks.{name}.classes", task.classes)
            _unique(f"tasks.{name}.models and beyond", task.every_model)
            _known(
                f"tasks.{name}.classes",
                task.classes,
                self.dataset.classes,
                f". A task that is not wanted is removed by tasks.{name}: null",
            )
            _known(f"tasks.{name}.models", task.models, self.models)
            _known(f"tasks.{name}.beyond", task.beyond, self.models)
        if self.augmentation_study.task is not None:
            _known("augmentation_study.task", [self.augmentation_study.task], self.tasks)
        _known("augmentation_study.model", [self.augmentation_study.model], self.models)
        most = self.splits.kfold.repeats
        if over := [f"{name}: {n}" for name, n in self.cross_validation if n > most]:
            _fault(
                "cross_validation: more repeats than the {most} of splits.kfold.repeats; raise "
                "that, or lower {over}",
                most=most,
                over=", ".join(over),
            )
        self._study_has_augmentations()
        _unique("explain.layers", self.explain.layers)
        if self.explain.model is not None:
            _known("explain.model", [self.explain.model], self.explained)
        _unique("models and augmentation_study.variants", [*self.models, *self._own_variants()])
        for name, prompts in self.prompts.items():
            if isinstance(prompts, Templates):
                plain = [n for n, p in self.prompts.items() if not isinstance(p, Templates)]
                _known(f"prompts.{name}.of", [prompts.of], plain)
        for name in self.models:
            self._model_fits(name)
        for task in self.tasks.values():
            self._bases_are_trained(task)
        if self.use is not None:
            _known("use", [self.use], self.candidates)
        if self.sweep.model is not None:
            _known("sweep.model", [self.sweep.model], [m for m in self.models if self._tuned(m)])
        return self

    def _model_fits(self, name: str) -> None:
        """What a model's block names is there, and of the kind that its recipe takes."""
        model = self.models[name]
        match model:
            case FromScratchModel():
                _fits(f"models.{name}.network.channels", model.network, self.recipes)
                if isinstance(model.network, FNN):
                    cnns = [other for other, block in self.models.items() if _is_cnn(block)]
                    _known(f"models.{name}.network.match", [model.network.match], cnns)
            case WiseFTModel() | SeedSoupModel() | ViewsModel():
                _known(f"models.{name}.of", [model.of], self._bases(model))
            case _:
                _known(f"models.{name}.backbone", [model.backbone], self.backbones)
                if (prompts := getattr(model, "prompts", None)) is not None:
                    _known(f"models.{name}.prompts", [prompts], self.prompts)
                    self._every_class_has_a_prompt(name, prompts)

    def _bases(self, derived: Derived) -> list[str]:
        """The models that a derived one can be made of."""
        if isinstance(derived, ViewsModel):
            none = FromScratchModel | Derived
            return [name for name, model in self.models.items() if not isinstance(model, none)]
        heads = ("text",) if isinstance(derived, WiseFTModel) else ("text", "text_tower", "probe")
        return [
            name for name in self.models if self._tuned(name) and self.models[name].head in heads
        ]

    def _tuned(self, name: str) -> bool:
        return isinstance(self.models[name], FineTuneModel)

    def _bases_are_trained(self, task: Task) -> None:
        """A derived model's base is a model of the same task, cross-validated as often."""
        for name in task.every_model:
            model = self.models[name]
            if not isinstance(model, Derived):
                continue
            if model.of not in task.every_model:
                _fault(
                    "models.{name}.of: {of} is not trained on a task that {name} is made for; "
                    "add it there",
                    name=name,
                    of=model.of,
                )
            ours, theirs = (
                self._repeats(recipe) for recipe in (model.recipe, self.models[model.of].recipe)
            )
            if ours > theirs:
                _fault(
                    "cross_validation.{recipe}: {ours} repeats are more than the {theirs} of "
                    "{base}, whose runs they are made of",
                    recipe=model.recipe,
                    ours=ours,
                    theirs=theirs,
                    base=self.models[model.of].recipe,
                )

    def _study_has_augmentations(self) -> None:
        model = self.augmentation_study.model
        if not isinstance(self.models[model], FromScratchModel | FineTuneModel):
            _fault(
                "augmentation_study.model: {model} learns from features, which no augmentation "
                "changes; name a model that sees photos",
                model=model,
            )

    def _every_class_has_a_prompt(self, model: str, prompts: str) -> None:
        texts = self.texts(prompts)
        for name, task in self.tasks.items():
            missing = [label for label in task.classes if label not in texts]
            if model in task.every_model and missing:
                block = self.prompts[prompts]
                _fault(
                    "prompts.{prompts}: the class {label} has no prompt, and the model {model} "
                    "on the task {task} needs one; add a line",
                    prompts=block.of if isinstance(block, Templates) else prompts,
                    label=missing[0],
                    model=model,
                    task=name,
                )

    def texts(self, prompts: str) -> dict[str, list[str]]:
        """The texts of a prompt set for each class of the dataset that has some, templates filled
        in."""
        block = self.prompts[prompts]
        filled = isinstance(block, Templates)
        words = self.prompts[block.of] if filled else block
        texts = {label: words[label] for label in self.dataset.classes if label in words}
        if not filled:
            return texts
        return {
            label: [template.replace("{}", word) for template in block.templates for word in of]
            for label, of in texts.items()
        }

    @property
    def main_task(self) -> str:
        """The first task: the report's answer and the paper's comparisons are about it."""
        return next(iter(self.tasks))

    @property
    def explained(self) -> list[str]:
        """The models whose attention is looked at: the fine-tuned ones of the main task."""
        tuned = self.models_by("fine_tune")
        return [model for model in self.tasks[self.main_task].models if model in tuned]

    @property
    def augmented(self) -> str | None:
        """The task of the augmentation study, or None where there is none. Left to itself it is of
        the main task, where that has the model: another study need not mend it."""
        study, main = self.augmentation_study, self.tasks[self.main_task]
        own = self.main_task if study.model in main.every_model else None
        return study.task or own

    def variants(self) -> dict[str, str]:
        """The model that stands for each variant of the augmentation study.

        A variant that augments as the model itself does is that model, not a second one.
        """
        if self.augmented is None:
            return {}
        study = self.augmentation_study
        same = self.models[study.model].augment
        return {
            variant: study.model if augment == same else f"{study.model}_{variant}"
            for variant, augment in study.variants.items()
        }

    def _own_variants(self) -> dict[str, Model]:
        study = self.augmentation_study
        return {
            model: self.models[study.model].model_copy(update={"augment": study.variants[variant]})
            for variant, model in self.variants().items()
            if model != study.model
        }

    @property
    def candidates(self) -> list[str]:
        """The models of the main task among which one is chosen, the simplest recipe first: all but
        views, some of which new photos do not have."""
        models = self.tasks[self.main_task].every_model
        chosen_from = [name for name in models if not isinstance(self.models[name], ViewsModel)]
        order = list(PLANS)
        return sorted(chosen_from, key=lambda name: order.index(self.models[name].recipe))

    @property
    def asked_again(self) -> list[str]:
        """The models asked about photos made worse. A name that the main task does not have is left
        out, as in `statistics`: another study need not mend the list."""
        return [name for name in self.robustness.models if name in self.candidates]

    def backbone_of(self, model: str) -> str | None:
        """The backbone that a model stands on, if any."""
        block = self._every_model()[model]
        if isinstance(block, Derived):
            return self.backbone_of(block.of)
        return None if isinstance(block, FromScratchModel) else block.backbone

    def models_of(self, task: str) -> list[str]:
        """The models trained on `task`, those of the augmentation study included, in order."""
        names = self.tasks[task].every_model
        if task == self.augmented:
            names += self.variants().values()
        return list(dict.fromkeys(names))

    def models_by(self, recipe: str) -> list[str]:
        """The models that a recipe trains, those of the augmentation study included, in order."""
        return [name for name, model in self._every_model().items() if model.recipe == recipe]

    def cv_splits(self, recipe: str) -> list[str]:
        """The splits of cross-validation that a recipe's models are trained on, a fold each."""
        folds, repeats = self.splits.kfold.folds, self._repeats(recipe)
        return [f"cv_{repeat}_{fold}" for repeat in range(repeats) for fold in range(folds)]

    def _repeats(self, recipe: str) -> int:
        """Of the folds; a soup is made of seeds, of which the folds have one."""
        return 0 if recipe == "seed_soup" else getattr(self.cross_validation, recipe)

    def seeds_of(self, model: str) -> list[int]:
        """The seeds of a model's runs on the holdout; a soup of all of them is one run."""
        soup = isinstance(self._every_model()[model], SeedSoupModel)
        return self.seeds[:1] if soup else self.seeds

    def keeps_folds(self, recipe: str) -> bool:
        """Whether the weights of a recipe's folds are kept: where a derived model is made of
        them."""
        return any(
            self.models[model.of].recipe == recipe and self._repeats(model.recipe) > 0
            for model in self.models.values()
            if isinstance(model, Derived)
        )

    def runs_of(self, task: str) -> list[Run]:
        """Every run of a task: all models on the holdout, with every seed, and the task's own
        models on the folds, with the first seed."""
        runs = [
            Run(task, model, "holdout", seed)
            for model in self.models_of(task)
            for seed in self.seeds_of(model)
        ]
        for model in self.tasks[task].every_model:
            splits = self.cv_splits(self.models[model].recipe)
            runs += [Run(task, model, split, self.seeds[0]) for split in splits]
        return runs

    def plan(self, task: str, model: str) -> Plan:
        """What the runs of `model` on `task` depend on, and nothing else."""
        block = self._every_model()[model]
        if isinstance(block, Derived):
            plan = {**block.model_dump(), "of": self.plan(task, block.of).model_dump()}
        else:
            plan = {**block.model_dump(), "classes": self.tasks[task].classes}
        if hasattr(self.recipes, block.recipe):
            plan["training"] = getattr(self.recipes, block.recipe)
        match block:
            case FromScratchModel(network=FNN(match=other)):
                plan["matched"] = self.models[other].network
            case FromScratchModel():
                plan["matched"] = None
            case FineTuneModel():
                plan["probe"] = self.recipes.linear_probe if block.head == "probe" else None
                texts = self.texts(block.prompts) if block.head == "text_tower" else None
                plan["texts"] = texts and {label: texts[label] for label in plan["classes"]}
        return PLANS[block.recipe](**plan)

    def _every_model(self) -> dict[str, Model]:
        return {**self.models, **self._own_variants()}


def _is_cnn(model: Model) -> bool:
    return isinstance(model, FromScratchModel) and isinstance(model.network, CNN)


def _prompts_where_used(block: Any, key: str, values: tuple[str, ...]) -> Any:
    value = getattr(block, key)
    if value in values and block.prompts is None:
        _fault("{key}: {value} needs prompts; name a prompt set", key=key, value=value)
    if value not in values and block.prompts is not None:
        _fault(
            "prompts: {prompts} is not used; leave it out, or set {key}: {values}",
            prompts=block.prompts,
            key=key,
            values=" or ".join(values),
        )
    return block


def _unique(where: str, values: list) -> None:
    for i, value in enumerate(values):
        if value in values[:i]:
            _fault("{where}: {value} is given twice; remove one", where=where, value=str(value))


def _ordered(block: Any, low: str, high: str) -> Any:
    if getattr(block, low) > getattr(block, high):
        _fault(
            "{low} {low_value} is above {high} {high_value}",
            low=low,
            low_value=getattr(block, low),
            high=high,
            high_value=getattr(block, high),
        )
    return block


def _fits(where: str, network: CNN | FNN, recipes: Recipes) -> None:
    size = recipes.from_scratch.size
    if isinstance(network, CNN) and 2 ** len(network.channels) > size:
        _fault(
            "{where}: {blocks} blocks halve an input of {size} px to nothing; take fewer, or "
            "raise recipes.from_scratch.size",
            where=where,
            blocks=len(network.channels),
            size=size,
        )


def _fault(message: str, **values: Any) -> NoReturn:
    raise PydanticCustomError("fault", message, values)


def _known(where: str, names: Any, known: Any, otherwise: str = "") -> None:
    for name in names:
        if name not in known:
            _fault(
                "{where}: unknown name {name}.{hint} Known: {known}{otherwise}",
                where=where,
                name=repr(name),
                hint=did_you_mean(name, known),
                known=", ".join(known),
                otherwise=otherwise,
            )


def load(raw: dict, source: str = "config.yaml") -> Config:
    """The typed config.

    Args:
        raw: the merged mapping of all config files. A task, model, backbone, prompt set, variant
            or strength of the sweep's that is null is left out: so a later file removes one of an
            earlier.
        source: the files it came from, for messages.

    Raises:
        InputError: names every key at fault, its value, and what is allowed.
    """
    removable = [key for key in ("tasks", "models", "backbones", "prompts") if key in raw]
    raw = {**raw, **{key: _without_nulls(raw[key]) for key in removable}}
    for block, key in (("augmentation_study", "variants"), ("sweep", "augment")):
        if isinstance(raw.get(block), dict):
            raw[block] = {**raw[block], key: _without_nulls(raw[block].get(key))}
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [_line(fault, raw) for fault in error.errors()]
        raise InputError(f"{source} is not a valid config:\n" + "\n".join(lines)) from None


def _without_nulls(blocks: Any) -> Any:
    if not isinstance(blocks, dict):
        return blocks
    return {name: block for name, block in blocks.items() if block is not None}


def _line(fault: Any, raw: dict) -> str:
    where, value = _where(fault, raw), fault["input"]
    shown = f" (got {value!r})" if not isinstance(value, dict | list) else ""
    of_name = fault["type"] == "string_pattern_mismatch"
    said = (
        "a name has lower-case letters, digits and _, a letter first" if of_name else fault["msg"]
    )
    return f"  {where}{': ' if where else ''}{said}{shown}"


def _where(fault: Any, raw: Any) -> str:
    """The keys on the way to a fault, without pydantic's own words (the kind of a block)."""
    where, node = [], raw
    for i, part in enumerate(fault["loc"], 1):
        keyed = isinstance(node, dict) and part in node
        there = keyed or (isinstance(node, list) and isinstance(part, int))
        if there or (fault["type"] == "missing" and i == len(fault["loc"])):
            where.append(str(part))
        node = node[part] if there else node
    return ".".join(where)


def schema() -> dict:
    """The JSON schema of the config (draft 2020-12)."""
    made = Config.model_json_schema()
    for block in (made, *made["$defs"].values()):
        for key in block["properties"].values():
            if "patternProperties" in key:  # names that do not match are not to pass unseen
                key["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


if __name__ == "__main__":
    import yaml

    print(yaml.safe_dump(schema(), sort_keys=False), end="")
