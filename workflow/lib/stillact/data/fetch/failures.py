"""The failure to get a photo, and what a user can do about it."""

# What a user can do about a failure.
ADDRESS = "Correct the url in the manifest, or remove the row"
PRIVATE = "Remove the row; or, if you trust the manifest, dataset.allow_private_hosts: true"


class FetchError(Exception):
    """A photo cannot be had. What it says is the same at each run: no addresses, no times."""

    def __init__(self, kind: str, advice: str, detail: str = "", wait_s: float | None = None):
        super().__init__(f"{kind} ({detail})" if detail else kind)
        self.kind, self.advice, self.detail = kind, advice, detail
        self.wait_s = wait_s  # shortest wait before another try; None: another try is no use
