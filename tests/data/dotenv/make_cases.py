#!/usr/bin/env python3
"""Writes cases.json: what python-dotenv reads from small `.env` files, for the tests of src/config/dotenv.rs.

The data was made by python-dotenv 1.2.4 on Python 3.11. To make it again:

    python3 -m venv /tmp/dotenv-venv
    /tmp/dotenv-venv/bin/pip install python-dotenv==1.2.4
    /tmp/dotenv-venv/bin/python tests/data/dotenv/make_cases.py

The text of a case goes through a real file, as in load_dotenv(path), because reading a file turns CRLF and CR into LF.
"values" is what the file says when the process environment is "environment"; names without a value are left out.
That load_dotenv(override=False) then sets just what the environment lacks is asserted here.
"""

import json
import logging
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from dotenv import load_dotenv
from dotenv.main import DotEnv

MADE_BY = "1.2.4"

# (name, text) or (name, text, environment)
CASES = [
    ("empty file", ""),
    ("only line ends", "\n\n\n"),
    ("plain", "A=1\nB=two\n"),
    ("no line end at the end", "A=1\nB=2"),
    ("spaces around name and equals sign", "  A  =  1  \n\tB\t=\t2\t\n"),
    ("inner spaces are kept", "A=one two   three  \n"),
    ("form feed, no-break space and separators are trimmed", "A=\x0c x \xa0\nB=\x1cx\x1f\nC=\u2003x\u3000\x0b\n"),
    ("next line and line separator do not end a line", "A=a\x85b\u2028c\nB=2\n"),
    ("zero width space is not whitespace", "A=\u200bx\u200b\n"),
    ("empty values", "A=\nB= \nC=''\nD=\"\"\nE"),
    ("empty value at the end", "A="),
    ("blank value at the end", "A=  "),
    ("value does not continue on the next line", "A=\n'x'\nB=2\n"),
    ("equals signs in values", "A=b=c\nB==\nC=postgresql://u:p@h/db?sslmode=require&x=1\n"),
    ("export", "export A=1\n export\tB = 2\nexport C='x'\nexport\u2003D=4\n"),
    ("export as a name", "export=1\nexporter=2\nEXPORT A=3\n"),
    ("export without a name", "export\nexport \nA=1\nexport =2\nexport # comment\nexport B\n"),
    ("export twice", "export export A=1\nB=2\n"),
    ("export across lines", "export\nA=1\n"),
    ("comments", "# A=1\n  # B=2\nC=3 # four\nD=4\n#"),
    ("hash without space", "A=1#2\nB=#3\nC=a#b#c\n"),
    ("hash after space", "A=1 #2\nB=1\t# 2\nC=a#b #c\nD=a # b # c\n"),
    ("hash after an empty value", "A= # comment\nB=\t#comment\nC=#value\nD =#value\n"),
    ("hash after no-break space", "A=1\xa0#2\nB=\xa0#2\n"),
    ("hash in quotes", "A='1 # 2'\nB=\"1 # 2\"\n"),
    ("comment after quotes", "A='1' # 2\nB=\"1\"# 2\nC='1'#'\n"),
    ("hash in names", "A#B=1\nC #D=1\nE=2\n"),
    ("single quotes", "A='1'\nB=' a b '\nC='a\"b'\n"),
    ("double quotes", "A=\"1\"\nB=\" a b \"\nC=\"a'b\"\n"),
    ("spaces around quotes", "A = 'x' \nB\t=\t\"y\"\t\n"),
    ("apostrophe in the middle", "A=it's\nB=it's John's\nC=5\" disk\nD=a'b'c\n"),
    ("text after quotes", "A='1' 2\nB=\"1\"2\nC='a''b'\nD=4\n"),
    ("backticks are not quotes", "A=`x # y`\nB=`z`\n"),
    ("quote at the end", "A=x'\nB=x\"\nC=3\n"),
    ("unterminated single quote", "A='x\nB=2\n"),
    ("unterminated double quote", "A=\"x\nB=2\n"),
    ("unterminated quote at the end", "A=1\nB=\""),
    ("unterminated quote finds the next one", "A='x\nB='y'\nC=3\n"),
    ("unterminated quotes of both kinds", "A='x\nB=\"y\nC=3\nD=\"z\n"),
    ("unterminated by an escaped quote", "A='x\\'\nB=\"x\\\"\nC=3\n"),
    ("unterminated Windows path", "A='C:\\dir\\'\nB=2\n"),
    ("backslash at the end", "A=1\nB='x\\"),
    ("multi-line values", "A='1\n2\n\n3'\nB=\"x\n  y\n\" # c\nC=3\n"),
    ("multi-line value with lines like bindings", "A=\"x\nB=2\n# no comment\nexport C=3\n\"\nD=4\n"),
    ("multi-line value and text after it", "A=\"x\ny\" z\nB=2\n"),
    ("private key", "K=\"-----BEGIN PRIVATE KEY-----\nMIIE==\n-----END PRIVATE KEY-----\n\"\nB=2\n"),
    ("CRLF", "A=1\r\nB='2'\r\nC=\r\nD=\"3\" # c\r\n# c\r\n\r\nE=4"),
    ("CR", "A=1\rB='2'\rC=\rD=3 # c\r"),
    ("CRLF and CR in quotes", "A='1\r\n2\r3\n\r4'\nB=\"\r\n\"\nC='\\\r\nx'\n"),
    ("CRLF after an unterminated quote", "A='1\r\nB=2\r\n"),
    ("escapes in double quotes", r'A="\a\b\f\n\r\t\v"' + "\n" + r'''B="\"\'\\"''' + "\n"),
    ("escapes in single quotes", r"A='\a\b\f\n\r\t\v\"'" + "\n" + r"B='\'\\'" + "\n"),
    ("no escapes without quotes", r"A=\n\t\\ \" \'" + "\n"),
    ("unicode and hex are not escapes", r'A="\u00e4 \x41 \U0001f600 \101 \N{NUL}"' + "\n" + r"B='\u00e4 \x41'" + "\n"),
    ("unknown escapes", r'A="\q\z\ \0\$\#\N"' + "\n" + r"B='\q\0'" + "\n"),
    ("escaped backslash before another escape", r'A="\\n\\\n\\\\n"' + "\n" + r'B="\q\n"' + "\n"),
    ("escaped backslash before the quote", 'A="C:\\\\"\nB=\'C:\\\\\'\nC="x\\\\" # y\n'),
    ("escaped line end", 'A="a\\\nb"\nB=\'a\\\nb\'\n'),
    ("backslash does not join lines", "A=a\\\nB=b\n"),
    ("unicode", "A=äöü€\nB='日本語'\nC=\"😀 #\"\nÄÖ=1\n名=2\n"),
    ("decomposed unicode", "A=a\u0308\na\u0308=1\nä=2\n"),
    ("replacement character", "A=\ufffd\n"),
    ("byte order mark within", "A=\ufeff1\n\ufeffB=2\n"),
    ("control characters", "A=\x01\x1b[31m\x7f\nB='\x07'\n"),
    ("duplicates", "A=1\nB=2\nA=3\n"),
    ("duplicate with expansion in between", "A=1\nB=${A}\nA=2\nC=${A}\n"),
    ("duplicate without value hides the first", "A=1\nA\n"),
    ("duplicate with value after none", "A\nA=1\n"),
    ("names are case sensitive", "A=1\na=2\nB=${a}\n"),
    ("name without equals sign", "A\nB \nC # c\nD=1\n"),
    ("junk words are names without value", "<<<<<<<\n---\n{}\n[section]\n\"x\"\nA=1\n"),
    ("junk lines", "this is junk\nA=1\n=2\n= 3\nnot this B=4\nC=5\n"),
    ("names with signs", "A-B=1\nA.B=2\nA:B=3\n{A}=4\n$A=5\nA'B=6\n(A)=7\n"),
    ("YAML is no binding", "A: 1\nB:2\nC=3\n"),
    ("quoted names", "'A'=1\n'B C' = 2\n'D#'='3'\nexport 'E'=4\n"),
    ("double-quoted names keep the quotes", '"A"=1\nB=2\n'),
    ("quoted name over lines", "'A\nB'=1\nC=2\n"),
    ("bad quoted names", "''=1\n'A=2\nB=3\n"),
    ("text after a quoted name", "'A'B=1\nC=2\n'D'\n"),
    ("escapes in quoted names", "'A\\'=1\nB=2\n"),
    ("dollar signs that stay", "A=$B\nB=$$\nC=$\nD=$(pwd)\nE=a$b$c\nF=${\nG=$ {A}\nH=$A}\n"),
    ("password with dollars", "A=pa$$w0rd$1\nB='pa$$w0rd$1'\nC=\"pa$$w0rd$1\"\n"),
    ("expansion", "A=1\nB=${A}\nC=x${A}y${B}z\nD=$${A}\n"),
    ("expansion in single quotes", "A=1\nB='${A}'\nC='x ${A} # y'\n"),
    ("expansion in double quotes", "A=1\nB=\"${A}\"\nC=\"\\${A}\"\nD=\"$\\{A}\"\n"),
    ("expansion of decoded escapes", "A=1\nB=\"$\\\\{A}\"\nC=\"${\\\"}\"\n'\"'=2\nD=\"${\\\"}\"\n"),
    ("expansion of unknown names", "A=${X}\nB=a${X}b\nC='${X}'\n"),
    ("expansion does not see later lines", "A=${B}\nB=1\n"),
    ("expansion once only", "A='$'\nB=${A}{C}\nC=1\nD=${A}{C}\nE=${X:-$}{C}\n"),
    ("expansion of an environment value once only", "A=${E}\nB=1\nC=${E}\n", {"E": "${B}"}),
    ("expansion of strange names", "A=${}\nB=${ C }\nC=1\nD=${ C }\n' C '=2\nE=${ C }\nF=${a b=c#d}\nG='${C\n}'\n"),
    ("expansion in names", "A=1\n${A}=2\nB=${${A}}\n"),
    ("comment cuts an expansion", "A=1\nB=${X:-a #b}\nC='${X:-a #b}'\n"),
    ("colon forms that stay", "A=1\nB=${A:}\nC=${A:x}\nD=${A:=x}\nE=${A:+x}\nF=${A:?x}\nG=${A-x}\nH=${A::-x}\n"),
    ("literal reference with another inside", "A=1\nB=${A:${A}}\nC=${:${A}:-x}\nD=${A:?${X:-y}}\n"),
    ("defaults", "A=${X:-1}\nB=a${X:-b c}d\nC=${X:-}\nD='${X:-1}'\nE=${:-1}\n"),
    ("defaults with signs", "A=${X:-a:b}\nB=${X:-:-}\nC=${X:-$}\nD=${X:-${}\nE=\"${X:-\n}\"\nF=${X:-'q'}\n"),
    ("default not used for a known name", "A=1\nB=${A:-2}\n"),
    ("default not used for an empty value", "A=\nB=${A:-2}\nC=${E:-3}\n", {"E": ""}),
    ("default not used for a name without value", "A\nB=${A:-2}\nC=x${A}y\n"),
    ("name without value hides the first in expansion", "A=1\nA\nB=${A:-2}\n"),
    ("nested defaults", "A=1\nB=${X:-${A}}\nC=${X:-${Y:-z}}\nD=${X:-a${A}b}\n"),
    ("nested names", "A=B\nB=1\nC=${${A}}\n"),
    ("unterminated expansion", "A=1\nB=${A\nC=${A:-x\nD=${A ${A}\nE=${A:-x ${A}\nF=${A}${A\n"),
    ("many unterminated expansions", "A=" + "${" * 40 + "\nB=" + "${X:-" * 40 + "\nC=" + "${" * 40 + ":x${D}\n"),
    ("environment wins in expansion", "A=file\nB=${A}\nC=${A:-d}\n", {"A": "env"}),
    ("environment in expansion", "A=${E}/x\nB=${E:-d}\nC='${E}'\n", {"E": "a b"}),
    ("environment wins over a name without value", "A\nB=${A}\n", {"A": "env"}),
    ("empty environment value wins", "A=file\nB=${A}\nC=${A:-d}\n", {"A": ""}),
    ("values of names in the environment", "A=file\n", {"A": "env"}),
    ("expansion through a name in the environment", "A=file\nB=${A}1\nA=${B}2\nC=${A}3\n", {"A": "env"}),
    ("self reference", "A=${A}\nB=${B:-d}\n"),
    ("self reference after a value", "A=1\nA=${A}:2\nA=${A}:3\n"),
    ("self reference to the environment", "P=${P}:/x\nP=${P}:/y\n", {"P": "/bin"}),
    ("circle", "A=${B}\nB=${A}x\nA=${B}y\n"),
    ("values that double", "A=ab\nB=${A}${A}\nC=${B}${B}\nD=${C}${C}\n"),
    (
        "a whole file",
        "# Fast-Flow\nDATABASE_URL=\nDATA_DIR=./data\nLOGS_DIR=${DATA_DIR}/logs   # logs\nLOG_RETENTION_DAYS=30\n"
        'S3_SECRET_ACCESS_KEY="ab+/=\\"#$x"\nSMTP_FROM=Fast-Flow <no-reply@example.org>\nTEAMS_ENABLED=false\n',
        {"DATA_DIR": "/app/data"},
    ),
]


def read(text, environment):
    """The file's values, as load_dotenv sees them in this environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        path.write_bytes(text.encode("utf-8"))
        os.environ.clear()
        os.environ.update(environment)
        values = DotEnv(path, encoding="utf-8", interpolate=True, override=False).dict()
        values = {name: value for name, value in values.items() if value is not None}
        load_dotenv(path, override=False, encoding="utf-8")
        assert dict(os.environ) == {**values, **environment}, text
        os.environ.clear()
        return values


def main():
    if version("python-dotenv") != MADE_BY:
        sys.exit(f"needs python-dotenv {MADE_BY}, found {version('python-dotenv')}; a newer one: change MADE_BY too")
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)
    cases = []
    for name, text, *rest in CASES:
        environment = rest[0] if rest else {}
        cases.append({"name": name, "environment": environment, "text": text, "values": read(text, environment)})
    assert len({case["name"] for case in cases}) == len(cases), "names must differ"
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    Path(__file__).with_name("cases.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")
    print(f"{len(cases)} cases")


main()
