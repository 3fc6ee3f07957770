"""Nothing in a CSV or its JSON becomes markup or script."""

from __future__ import annotations

import json
import re
from pathlib import Path

from analysis.page.report_test import document_of
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run

HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "]]>",
    "\u2028\u2029", "'\"><svg onload=alert(1)>", "{{7*7}}", "=cmd()", "a" * 5000,
    "\u202egnp.exe", "\x1b[31mred", "javascript:alert(1)", "${alert(1)}", "&lt;b&gt;",
]  # fmt: skip


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    planned = configurations(Hardware(), workloads=("reduce",), sizes=[1024, 65536], ladder=False)
    path = write_run(tmp_path / "run.csv", planned, rounds=7)
    for i in range(4):
        text = " ".join(HOSTILE[i::4])
        quoted = '"' + text.replace('"', '""') + '"'
        about = json.loads(path.with_suffix(".json").read_text())
        about |= {"command": text, "label": text, "status": text, "run": "", "started": text}
        about["machine"]["cpu"]["model"] = text
        about["machine"]["gpus"][0]["name"] = text
        about["project"]["flags"] = text
        about["project"]["libraries"] = {text: text}
        content = path.read_text().replace(",workstation,", f",{quoted},")
        content = content.replace(",static,", f",{quoted},").replace(",openmp,", f",{quoted},")
        content = content.replace(",reduce,", f",{quoted},")
        content = content.replace(",ok,,", f",noisy,{quoted},", 3)
        content = content.replace(",flops\n", f",flops,{quoted}\n", 1)
        attacked = tmp_path / f"{i}.csv"
        attacked.write_text(content, encoding="utf-8")
        attacked.with_suffix(".json").write_text(json.dumps(about))
        document, data = document_of(attacked)
        assert data["figures"]
        outside = re.sub(r"<script.*?</script>", "", document, flags=re.S)
        assert document.count("<script") == document.count("</script>") == 3
        for markup in ("<img", "<svg onload", "onerror=alert(1)>", "<!--"):
            assert markup not in outside, text
        assert "\u202e" not in outside
        assert "\x1b" not in document
