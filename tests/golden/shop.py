"""A small shop: every kind of node and every way for one to change, for golden files of what the commands say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from fftcas.cli.main import main

FILES = {
    "project.yml": "name: shop\nvars: {minimum: 0, greeting: hello}\n",
    "profiles.yml": (
        "dev: &db\n  engine: duckdb\n  duckdb: {path: data.duckdb, schema: shop}\n"
        "prod:\n  engine: duckdb\n  duckdb: {path: prod.duckdb, schema: shop}\n"
    ),
    "sources.yml": (
        "version: 2\nsources:\n  - name: erp\n    schema: erp\n    tables:\n      - name: stock\n"
        "  - name: shop\n    tables:\n      - name: users\n"
    ),
    "seeds/users.csv": "id,name,country,email\n1, Ann ,SE,ann@x.org\n2,Bob,NO,bob@x.org\n3,Cid,SE,cid@x.org\n",
    "seeds/orders.csv": "id,user_id,amount,note\n10,1,12.5,\n11,2,8,gift\n12,1,2.5,\n",
    "models/macros/text.sql": (
        "{% macro trimmed(x) %}\ntrim({{ x }})\n{%- endmacro %}\n\n"
        "{% macro clean(x) %}\nlower({{ trimmed(x) }})\n{%- endmacro %}\n"
    ),
    "models/macros_py/prices.py": "def cents(column):\n    return f'cast({column} * 100 as integer)'\n",
    "models/staging/stg_users.sql": (
        "select\n    id as user_id,\n    {{ clean('name') }} as name,\n    country\nfrom {{ ref('users') }}\n"
    ),
    "models/staging/stg_orders.sql": (
        "{{ config(materialized='view') }}\nselect id as order_id, user_id, amount\n"
        "from {{ ref('orders') }}\nwhere amount > {{ var('minimum') }}\n"
    ),
    "models/marts/big_orders.sql": (
        "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('stg_orders') }} where amount >= 5\n"
    ),
    "models/marts/spend.sql": (
        "select u.name, sum({{ cents('o.amount') }}) as cents\nfrom {{ ref('stg_users') }} as u\n"
        "join {{ ref('big_orders') }} as o on o.user_id = u.user_id\ngroup by u.name order by u.name\n"
    ),
    "models/marts/titles.sql": (
        "select country, '{{ env('SHOP_TITLE', 'Shop') }}' as title\nfrom {{ ref('stg_users') }} group by country\n"
    ),
    "models/marts/stock.sql": "select sku, pieces from {{ source('erp', 'stock') }}\n",
    "models/python/names.py": (
        "import pandas as pd\nfrom fftcas import model, var\nfrom helpers import shout\n\nSUFFIX = '!'\n\n\n"
        "@model(deps=['stg_users'])\ndef names(users: pd.DataFrame) -> pd.DataFrame:\n"
        "    greeting = var('greeting')\n"
        "    return pd.DataFrame({'name': [greeting + shout(name) + SUFFIX for name in users['name']]})\n"
    ),
    "helpers.py": (
        '"""Helpers."""\n\n\ndef shout(text):\n    return text.upper()\n\n\n'
        "def whisper(text):\n    return text.lower()\n"
    ),
}


@dataclass(frozen=True)
class Shop:
    """A copy of the shop that was built, and its store."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "shop"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def run(self, *arguments: str) -> int:
        """A command on this project; its words go to stdout and stderr."""
        return main([arguments[0], "-C", str(self.root), *arguments[1:]])

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new))

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.root / "data.duckdb")) as connection:
            return connection.execute(statement).fetchall()


def new_shop(folder: Path) -> Shop:
    """The shop, not built yet; the source's table is there."""
    shop = Shop(folder)
    for path, text in FILES.items():
        shop.write(path, text)
    shop.sql("CREATE SCHEMA erp; CREATE TABLE erp.stock AS SELECT 'a1' AS sku, 5 AS pieces")
    return shop


def copy_shop(shop: Shop, folder: Path) -> Shop:
    """A copy with its store, modification times included."""
    shutil.copytree(shop.folder, folder, dirs_exist_ok=True)
    return Shop(folder)
