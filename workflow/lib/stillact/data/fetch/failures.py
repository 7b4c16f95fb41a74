"""The error for an unavailable photo, with advice for the user."""

# Advice for each failure.
ADDRESS = "Correct the url in the manifest, or remove the row"
PRIVATE = "Remove the row; or, if you trust the manifest, dataset.allow_private_hosts: true"


class FetchError(Exception):
    """An unavailable photo. The message is the same in every run: no addresses, no times."""

    def __init__(self, kind: str, advice: str, detail: str = "", wait_s: float | None = None):
        super().__init__(f"{kind} ({detail})" if detail else kind)
        self.kind, self.advice, self.detail = kind, advice, detail
        self.wait_s = wait_s  # shortest wait before a retry; None: no retry
