"""Reads the files of one report in every format with independent readers and compares their cells.

Usage: compare.py FOLDER, with report.csv, .tsv, .xml, .json, .jsonl, .xlsx, .csv.gz and .csv.zip in it. Prints the number
of rows; ends with a message where two formats differ.
"""

import csv
import datetime
import gzip
import io
import json
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import openpyxl


def text(value):
    """A JSON value as the delimited text has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def spreadsheet(cell, wanted):
    """A typed cell as the text `wanted` would have it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M:%S")
    if isinstance(value, datetime.datetime):
        value = (value + datetime.timedelta(milliseconds=500)).replace(microsecond=0)
        if cell.number_format == "[hh]:mm:ss":
            seconds = round((value - datetime.datetime(1899, 12, 30)).total_seconds())
            return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return value.strftime("%m/%d/%Y %H:%M:%S" if "/" in wanted else "%Y-%m-%d %H:%M:%S")
    if cell.number_format == "0.00%":
        return f"{value * 100:.2f}%"
    if cell.number_format == "0.00":
        return f"{value:.2f}"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    # XML parsers give a line feed for a carriage return with one.
    return str(value).replace("_x000D_", "\r")


def main(folder):
    plain = (folder / "report.csv").read_bytes()
    header, *rows = list(csv.reader(io.StringIO(plain.decode("utf-8"), newline="")))
    found = {}
    tsv = (folder / "report.tsv").read_bytes().decode("utf-8")
    found["tsv"] = list(csv.reader(io.StringIO(tsv, newline=""), delimiter="\t"))[1:]
    tree = ElementTree.parse(folder / "report.xml").getroot()
    found["xml"] = [[cell.text or "" for cell in row] for row in tree]
    assert all([cell.get("name") for cell in row] == header for row in tree), "names of the XML cells"
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    found["json"] = [[text(row[name]) for name in header] for row in document]
    lines = (folder / "report.jsonl").read_text(encoding="utf-8").splitlines()
    found["jsonl"] = [[text(value) for value in json.loads(line).values()] for line in lines]
    sheet = openpyxl.load_workbook(folder / "report.xlsx").active
    assert sheet.freeze_panes == "A2" and sheet["A1"].font.bold, "the header is frozen and bold"
    cells = list(sheet.iter_rows())
    assert [cell.value for cell in cells[0]] == header, "the spreadsheet's header"
    found["xlsx"] = [[spreadsheet(cell, wanted) for cell, wanted in zip(row, want)] for row, want in zip(cells[1:], rows)]
    assert len(cells) - 1 == len(rows), f"the spreadsheet has {len(cells) - 1} rows, not {len(rows)}"
    for name, other in found.items():
        assert len(other) == len(rows), f"{name} has {len(other)} rows, not {len(rows)}"
        for number, (mine, theirs) in enumerate(zip(rows, other)):
            for column, a, b in zip(header, mine, theirs):
                assert a == b, f"{name}, row {number}, {column}: {b!r}, but {a!r} in CSV"
    assert gzip.decompress((folder / "report.csv.gz").read_bytes()) == plain, "the gzip file"
    with zipfile.ZipFile(folder / "report.csv.zip") as archive:
        assert archive.namelist() == ["report.csv"] and archive.read("report.csv") == plain, "the zip file"
    print(len(rows))


main(Path(sys.argv[1]))
