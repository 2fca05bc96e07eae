"""The protocol's section, with known figures."""

from __future__ import annotations

from kinema.report.protocol import protocol_section


def test_rounds_comparison_and_seeds() -> None:
    rounds = [
        {"name": name, "seed": seed, "n_test": 8, "accuracy": a, "ci95": [a - 0.1, a + 0.1]}
        | {"mean_class_accuracy": a / 2}
        for name, seed, a in (
            ("random", 0, 0.9),
            ("by group", 0, 0.6),
            ("random", 1, 0.8),
            ("by group", 1, 0.5),
        )
    ]
    side = {"accuracy": 0.55, "std": 0.05, "ci95": [0.45, 0.65]}
    section = protocol_section(
        {
            "kind": "random_and_group",
            "seeds": 2,
            "rounds": rounds,
            "mean": {"accuracy": 0.55, "mean_class_accuracy": 0.275},
            "std": {"accuracy": 0.05, "mean_class_accuracy": None},
            "per_seed": [{"seed": 0, "accuracy": 0.6}, {"seed": 1, "accuracy": 0.5}],
            "seed_std": {"accuracy": 0.0707},
            "compared": {"random": side | {"accuracy": 0.85}, "by group": side},
            "differ": True,
        }
    )
    compared, table, seeds = section.figures
    plain = [[str(cell).replace("\u202f", " ") for cell in row] for row in table.rows]
    assert plain[1] == ["by group", "0", "8", "60.0 %", "50.0 % to 70.0 %", "30.0 %"]
    note = table.note.replace("\u202f", " ")
    assert note.startswith("accuracy 55.0 % ± 5.0 %, mean of classes 27.5 % (mean ±")
    assert [row[0] for row in compared.rows] == ["random", "by group"]
    assert "differ by more than" in compared.note
    assert "7.1" in seeds.note
