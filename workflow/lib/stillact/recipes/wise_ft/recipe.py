"""The recipe wise_ft."""

from stillact.recipes.fine_tune.recipe import FromFineTuned
from stillact.recipes.wise_ft.config import WiseFT as Settings
from stillact.recipes.wise_ft.config import WiseFTModel, WiseFTPlan


class WiseFT(FromFineTuned):
    name = "wise_ft"
    summary = "nothing: interpolate between zero-shot and fine-tuned weights (WiSE-FT)"
    Model, Plan, Settings = WiseFTModel, WiseFTPlan, Settings
    heads = ("text",)
    card_text = "Weights between the zero-shot and the fine-tuned model (WiSE-FT)"
    source = "2109.01903"

    def work(self, plan: WiseFTPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted * (plan.training.steps + 1) * gmacs

    def describe(self, model: WiseFTModel) -> str:
        return f"Weights between those of {model.of} before and after its training."
