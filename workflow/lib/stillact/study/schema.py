"""The JSON schema of the config; `make schema` writes it."""

import yaml

from stillact.study.config import Config


def schema() -> dict:
    """The JSON schema of the config (draft 2020-12)."""
    whole = Config.model_json_schema()
    for block in (whole, *whole["$defs"].values()):
        for key in block["properties"].values():
            if "patternProperties" in key:  # reject names that do not match
                key["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


if __name__ == "__main__":
    print(yaml.safe_dump(schema(), sort_keys=False), end="")
