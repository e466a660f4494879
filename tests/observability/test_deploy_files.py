"""Dashboards and alert rules ask for metrics that exist; units name commands that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\b(?:zhenwen|django)_[a-z_]+")
SUFFIXES = ("_bucket", "_sum", "_count", "_total", "_created")


def expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana" / "zhenwen.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((DEPLOY / "prometheus" / "zhenwen-alerts.yml").read_text(encoding="utf-8"))
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def family(metric: str) -> str:
    for suffix in SUFFIXES:
        metric = metric.removesuffix(suffix)
    return metric


@pytest.mark.django_db
def test_every_metric_asked_for_is_one_the_site_has(client: Client) -> None:
    exposed = {
        family(line.split()[2])
        for line in client.get("/metrics").content.decode().splitlines()
        if line.startswith("# TYPE")
    }
    asked = {family(name) for expression in expressions() for name in METRIC.findall(expression)}
    assert asked - exposed == set()


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_every_unit_calls_a_command_that_exists(unit: Path) -> None:
    commands = re.findall(r"manage\.py (\w+)", unit.read_text(encoding="utf-8"))
    assert set(commands) <= set(get_commands())
