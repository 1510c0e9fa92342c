"""Write `docs/layers.json` and `docs/layers.md` from the record that a whole run of tests left.

Run `python -m tests.run`, then `KERAS_BACKEND=torch python -m tests.page`: torch counts the
multiplications. What is exported is measured by `python -m tests.page.export` and kept as it was.
"""

import json

from keras_attention import layers
from tests.page import measure, render
from tests.run import RECORD
from tests.source import ROOT

DATA, PAGE = ROOT / "docs" / "layers.json", ROOT / "docs" / "layers.md"


def main() -> None:
    data = json.loads(DATA.read_text("utf-8")) if DATA.exists() else {}
    found = measure.found(RECORD)
    for key in layers.list_layers():
        print(key, flush=True)
        found[key]["parameters"] = measure.parameters(key)
        found[key]["macs"] = {
            str(side): measure.multiplications(key, side) for side in measure.SIDES
        }
        unknown = {"onnx": "?", "litert": "?"}
        found[key]["export"] = data.get(key, {}).get("export", unknown)
    DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render.page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
