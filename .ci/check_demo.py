"""Hold the demo's figures against what the README promises; exit 1 when one is missed."""

import json
import sys
from pathlib import Path

figures = json.loads(Path(sys.argv[1]).read_text())
promises = {
    "no worse than the calendar": figures["accuracy_homeostat"] >= figures["accuracy_monthly"],
    "no more retrainings than the calendar's 11": figures["retrainings"] <= 11,
    "far better than never retraining": figures["accuracy_homeostat"]
    > figures["accuracy_static"] + 0.1,
    "every retraining ended": figures["promotions"] + figures["rejections"]
    == figures["retrainings"],
}
for promise, kept in promises.items():
    print("kept  " if kept else "BROKEN", promise)
sys.exit(0 if all(promises.values()) else 1)
