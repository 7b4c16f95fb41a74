import numpy as np
import pytest
from PIL import Image

from stillact.report.thumbnails import figure, thumbnail
from support.reports import decoded


def test_thumbnails_are_upright_whole_and_small(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: 1200 wide and 600 high is seen as 600 by 1200
    photo = Image.new("RGB", (1200, 600), "red")
    photo.paste("blue", (0, 0, 600, 600))
    photo.save(tmp_path / "turned.jpg", exif=exif)
    small = decoded(thumbnail(tmp_path / "turned.jpg"))
    assert small.size == (128, 256)
    assert small.getpixel((64, 30))[2] > 200 > small.getpixel((64, 220))[2]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_thumbnails_of_every_mode(tmp_path, mode):
    Image.new(mode, (40, 30)).save(tmp_path / "photo.png")
    small = decoded(thumbnail(tmp_path / "photo.png"))
    assert (small.size, small.mode) == ((40, 30), "RGB")


def test_thumbnails_of_the_papers_285_photos_leave_the_page_below_15_mb(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")  # no photo takes more bytes
    assert 285 * len(thumbnail(tmp_path / "noise.png")) < 15e6


def test_figures_with_photos_are_webp_and_others_stay_as_they_are(tmp_path):
    grain = np.random.default_rng(0).normal(128, 12, (300, 300, 3)).clip(0, 255)
    Image.fromarray(grain.astype(np.uint8)).save(tmp_path / "photos.png")
    shown = np.asarray(decoded(figure(tmp_path / "photos.png")), float)
    assert np.abs(shown.mean(2) - grain.mean(2)).mean() < 4
    size = (tmp_path / "photos.png").stat().st_size
    assert len(figure(tmp_path / "photos.png")) < size / 2
    Image.new("RGB", (1, 1)).save(tmp_path / "small.png")
    (tmp_path / "plot.svg").write_text("<svg/>")
    assert figure(tmp_path / "small.png").startswith(("data:image/png;", "data:image/webp;"))
    assert figure(tmp_path / "plot.svg") == "data:image/svg+xml;base64,PHN2Zy8+"
