"""The JSON schema of the config; `make schema` writes it."""

import yaml

from stillact.study.config import Config


def schema() -> dict:
    """The JSON schema of the config (draft 2020-12)."""
    made = Config.model_json_schema()
    for block in (made, *made["$defs"].values()):
        for key in block["properties"].values():
            if "patternProperties" in key:  # names that do not match are not to pass unseen
                key["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


if __name__ == "__main__":
    print(yaml.safe_dump(schema(), sort_keys=False), end="")
