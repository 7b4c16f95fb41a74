"""Addresses as they may be shown."""

import pytest

from stillact.core.urls import shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host/a.jpg", "http://host/a.jpg"),
        ("http://host/photo.jpg?id=2", "http://host/photo.jpg?id=2"),
        ("https://user:secret@host:80/a.jpg", "https://host:80/a.jpg"),
        ("https://s3/a.jpg?X-Amz-Signature=abc&X-Amz-Expires=9", "https://s3/a.jpg?..."),
        ("https://blob/a.jpg?sv=2020&se=2027&sig=abc", "https://blob/a.jpg?..."),
        ("https://host/a.jpg?access_token=abc&size=3", "https://host/a.jpg?..."),
        ("photos/anna?key=1/a.jpg", "photos/anna?key=1/a.jpg"),
        ("file:///photos/a.jpg", "file:///photos/a.jpg"),
        ("http://[broken/a.jpg", "http://[broken/a.jpg"),
    ],
)
def test_what_grants_access_is_not_shown(url, expected):
    assert shown(url) == expected
