"""Markdown: structure becomes kinds, marks go, words stay."""

from __future__ import annotations

import pytest

from detection.extraction.extract import extract_file
from detection.scoring.types import BlockKind
from tests.extraction.reading import assert_covered, kinds, texts

DOCUMENT = """---
author: 甲某
---
# 夜间开放的图书馆

<!-- 草稿 -->
这是**第一段**，它有 *强调*、`代码` 和[一个链接](https://example.org/a_b)。
同一段的第二行。

下面的标题是老写法
------------------

> 引自别人的话，
> 一共两行。

- 第一项说明了原因。
- [x] 第二项说明了结果。

1. 编号的一项。

| 读者 | 次数 |
|------|:----:|
| 学生 | 4.2  |

```python
def count(readers):
    return len(readers)  # *不是强调*
```

$$
E = mc^2
$$

![示意图](图.png)

2 \\* 3 与 snake_case_name 保持原样。<br>

[1]: https://example.org
"""


def test_structure_is_read_and_marks_are_removed() -> None:
    document = extract_file(data=DOCUMENT.encode(), filename="paper.md")
    assert kinds(document) == {
        "夜间开放的图书馆": BlockKind.HEADING,
        "这是第一段，它有 强调、代码 和一个链接。\n同一段的第二行。": BlockKind.PROSE,
        "下面的标题是老写法": BlockKind.HEADING,
        "引自别人的话，\n一共两行。": BlockKind.QUOTATION,
        "第一项说明了原因。": BlockKind.PROSE,
        "第二项说明了结果。": BlockKind.PROSE,
        "1. 编号的一项。": BlockKind.PROSE,
        "读者\t次数\n学生\t4.2": BlockKind.TABLE,
        "def count(readers):\n    return len(readers)  # *不是强调*": BlockKind.CODE,
        "E = mc^2": BlockKind.FORMULA,
        "示意图": BlockKind.PROSE,
        "2 * 3 与 snake_case_name 保持原样。": BlockKind.PROSE,
    }
    assert document.title == "夜间开放的图书馆"
    assert_covered(document)


@pytest.mark.parametrize(
    ("marked", "seen"),
    [
        ("***粗斜***字", "粗斜字"),
        ("**粗*斜*体**", "粗斜体"),
        ("__重__点", "重点"),
        ("~~删~~去", "删去"),
        ("<https://example.org>", "https://example.org"),
        ("看[文][1]", "看文"),
        ("五星*不成对", "五星*不成对"),
        ("## 标题 ##", "标题"),
        ("\\# 不是标题", "# 不是标题"),
        ("a < b 且 c > d", "a < b 且 c > d"),
    ],
)
def test_marks_within_a_line(marked: str, seen: str) -> None:
    assert extract_file(data=f"{marked}\n".encode(), filename="a.md").text == seen


def test_a_fence_that_is_never_closed_hides_nothing() -> None:
    text = "开头。\n\n```\n后面的正文仍然要读。\n"
    document = extract_file(data=text.encode(), filename="a.md")
    assert "后面的正文仍然要读。" in "".join(texts(document, BlockKind.PROSE))


def test_long_prose_cannot_hide_as_a_heading_or_a_table() -> None:
    prose = "这一句话写得很长很长，为的是看起来像一个标题，其实并不是标题而是正文。" * 4
    text = f"# {prose}\n\n| {prose} |\n"
    document = extract_file(data=text.encode(), filename="a.md")
    assert texts(document, BlockKind.PROSE) == [prose, prose]
