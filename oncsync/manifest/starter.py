"""The manifest that `oncsync init` writes: short, commented, and a small download that works as it stands."""

from __future__ import annotations

from pathlib import Path

_SCHEMA_LINE = "# yaml-language-server: $schema={schema}\n"
_STARTER = """\
# What the folder below shall hold of Ocean Networks Canada's archive.
# `oncsync resolve` lists what that means in detail, `oncsync plan` what it would order, `oncsync sync` fetches it.
# All times are UTC, and an end is exclusive: `end: 2015-06-08` ends with the last instant of 7 June.

version: 1
server: {server}
folder: data # where the files go, beside this file

downloads:
  # One week of temperature, salinity and pressure in Barkley Canyon, averaged over ten minutes.
  - name: barkley-ctd
    locationCode: BACAX # a place counts with everything below it
    deviceCategoryCode: CTD # the kind of instrument
    dataProductCode: TSSD # the data product
    extension: csv # its format; a list works too: [csv, mat]
    begin: 2015-06-01
    end: 2015-06-08
    options: {{dpo_resample: average, dpo_average: 600}}

  # What moves with the clock: the last three days, in pieces of a day. Run `oncsync sync` again to get what is new.
  # - name: last-days
  #   locationCode: BACAX
  #   deviceCategoryCode: CTD
  #   dataProductCode: TSSD
  #   extension: csv
  #   begin: -P3D
  #   end: now
  #   splitDateRange: day
"""


def starter_manifest(server: str = "production", *, schema: str | Path | None = None) -> str:
    """Gives the text of a first manifest; `schema` is where an editor finds the manifest's schema."""
    line = _SCHEMA_LINE.format(schema=schema) if schema is not None else ""
    return line + _STARTER.format(server=server)
