"""Chinese prose made up on the spot: no two texts alike, the same ones for the same seed."""

from __future__ import annotations

import random
from functools import cache

# The marker is spelled with numerals, so that a text differs from every other one from its first sentence on.
_NUMERALS = "零一二三四五六七八九"
_TIMES = ("清早", "午后", "入夜以后", "下过雨的傍晚", "开春", "秋收前后", "年关将近时", "周末")
_PLACES = (
    "村口的老槐树下",
    "县城的旧书店里",
    "河堤边",
    "图书馆的三楼",
    "菜市场尽头",
    "山脚的小站",
    "校门对面",
)
_PEOPLE = ("外婆", "修表的老陈", "新来的老师", "邻居家的孩子", "值班的护士", "船上的伙计", "写信的人", "木匠")
_DOINGS = (
    "把{thing}摆成一排，慢慢数给我听",
    "说起{thing}，话头便收不住了",
    "弯腰去捡{thing}，半天没有直起身来",
    "拿{thing}换了半斤茶叶，自己倒先笑了",
    "在{thing}旁边坐下，问我路上走了多久",
    "把{thing}擦了又擦，像是要去见什么人",
)
_THINGS = (
    "那盏煤油灯",
    "一本卷了边的账簿",
    "两只搪瓷缸子",
    "晒干的陈皮",
    "半张旧地图",
    "断了弦的胡琴",
    "几封没寄的信",
)
_TURNS = ("其实", "后来我才明白，", "说来也怪，", "照例，", "不过，", "那时候", "据说", "谁也没料到，")
_THOUGHTS = (
    "日子并不因为谁的记性好就走得慢些",
    "有些话当时没有说，往后也就不必说了",
    "路还是那条路，只是走的人换了一茬",
    "凡是能修的东西，都还算不得旧",
    "他记得清的，偏偏是最没有用处的那一段",
    "雨停之前，没有人提起要走的事",
    "账算到最后，差的总是那么几文钱",
)


class Prose:
    """An endless supply; `text` never returns the same one twice."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._seed = seed
        self._made = 0

    def text(self, characters: int) -> str:
        """Exactly this many characters of ordinary prose, ending with a full stop."""
        self._made += 1
        marker = "".join(_NUMERALS[int(digit)] for digit in f"{self._seed:02d}{self._made:05d}")
        parts = [f"第{marker}页上写着："]
        length = len(parts[0])
        while length < characters:
            sentence = self._sentence()
            parts.append(sentence)
            length += len(sentence)
        return "".join(parts)[: characters - 1].rstrip("，。、").ljust(characters - 1, "了") + "。"

    def texts(self, count: int, *, characters: int) -> list[str]:
        return [self.text(characters) for _ in range(count)]

    def paper(self, characters: int, *, paragraph_characters: int = 400) -> list[str]:
        """Paragraphs with this many characters in all."""
        whole, rest = divmod(characters, paragraph_characters)
        lengths = [paragraph_characters] * whole + ([rest] if rest >= 40 else [])
        return [self.text(length) for length in lengths]

    def _sentence(self) -> str:
        pick = self._chance.choice
        if self._chance.random() < 0.3:
            return f"{pick(_TURNS)}{pick(_THOUGHTS)}。"
        doing = pick(_DOINGS).format(thing=pick(_THINGS))
        number = self._chance.randint(2, 97)
        scene = f"{pick(_TIMES)}，{pick(_PEOPLE)}在{pick(_PLACES)}{doing}"
        return f"{scene}；{_spelled(number)}年过去，{pick(_THOUGHTS)}。"


@cache
def _spelled(number: int) -> str:
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{_NUMERALS[tens]}十"
    return head + (_NUMERALS[ones] if ones else "")
