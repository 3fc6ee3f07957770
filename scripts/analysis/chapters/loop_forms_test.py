from analysis.chapters.loop_forms import chosen
from analysis.reading.machine import Machine


def test_a_run_without_forms_has_no_table() -> None:
    assert chosen(Machine({})) is None
    assert chosen(Machine({"forms": [3, {}, {"form": ""}]})) is None


def test_what_is_damaged_is_left_out() -> None:
    entry = {"form": "v<16", "tried": [{"form": "v16", "gb_per_s": "fast"}, 7], "up_to_bytes": -1}
    shown = str(chosen(Machine({"forms": [entry]})))
    assert "v&lt;16" in shown
    assert "fast" not in shown


def test_a_fixed_form_was_not_tried() -> None:
    entry = {"workload": "double", "type": "f32", "workers": "one", "form": "v64", "fixed": True}
    assert "fixed" in str(chosen(Machine({"forms": [entry]})))
