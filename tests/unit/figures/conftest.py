import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def drawn_whole(monkeypatch):
    """Nothing of a figure that a test makes lies beyond it, if it lays itself out."""
    made, init = [], Figure.__init__

    def recorded(figure, *args, **kwargs):
        init(figure, *args, **kwargs)
        made.append(figure)

    monkeypatch.setattr(Figure, "__init__", recorded)
    yield
    for figure in made:
        if figure.get_layout_engine() is not None:
            FigureCanvasAgg(figure).draw()
            left, bottom, right, top = figure.get_tightbbox().extents
            width, height = figure.get_size_inches()
            beyond = max(-left, -bottom, right - width, top - height)  # inches
            assert beyond * figure.dpi <= 1
