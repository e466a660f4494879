"""The same said more plainly, more formally or casually: a detector must not hang on a few small words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from detection.training.corpora import Tokens

# Formal, then plain ones. Every word of a line may stand for the first, and the first for each of them.
_LEXICON = """
因此 所以 这样一来
此外 另外 还有
然而 但是 不过 可是
首先 先 头一个
其次 再就是 接着
最后 末了 到头来
例如 比如 像
同时 一边 顺带
总之 总的来说 说到底
综上所述 总的来看 这么看来
由于 因为
从而 这样就 好
并且 而且 还
以及 和 还有
进行 做
实现 做到 达成
提升 提高 抬高
具有 有
能够 能 可以
可以 能 行
需要 得 要
应当 应该 该
通过 靠 用
利用 用 拿
使得 让 叫
导致 弄得 引起
获得 得到 拿到
提供 给
包括 有 含
非常 很 特别 挺
十分 很 相当
极其 特别 极
较为 比较 有点
许多 很多 好多
大量 很多 一大批
部分 一些 有的
主要 大体上 基本
通常 一般 平时
目前 现在 眼下
随着 跟着
关于 说到 对于
对于 对
根据 按 照
为了 要 好让
如果 要是 假如
即使 就算 哪怕
虽然 尽管 虽说
是否 是不是 会不会
如何 怎么 怎样
什么 啥
为何 为什么 怎么
无法 没法 不能
避免 免得 别
建议 最好
选择 挑 选
考虑 想想 琢磨
了解 知道 弄清
注意 留神 小心
帮助 帮
方式 办法 法子
方法 办法 路子
问题 事 毛病
情况 样子 状况
影响 牵连 作用
重要 要紧 关键
显著 明显 看得出
有效 管用 有用
不断 一直 老是
逐渐 慢慢 一点点
充分 好好 足够
积极 主动 热心
良好 好 不错
优秀 好 出色
困难 难处 难
增加 多 添
减少 少 降
存在 有
成为 变成 当上
使用 用
认为 觉得 看来
表示 说
指出 说 提到
进一步 再 更
不仅 不光 不只
而是 倒是
这种 这样的 这号
这些 这几个
一种 一类 一个
其中 里面 当中
各种 各样 种种
以下 下面
以上 上面
"""
# What a casual voice leaves out where a sentence begins, and what it puts there or before the end instead.
_CONNECTIVES = """
首先 其次 再次 最后 此外 另外 同时 因此 然而 总之 综上所述 总的来说 总体而言 值得注意的是 需要注意的是
具体来说 具体而言 一方面 另一方面 不仅如此 由此可见 与此同时 换句话说 简而言之 例如 也就是说 事实上 众所周知
"""
_OPENERS = "其实 说白了 反正 讲真 你看 话说 老实说 我觉得 说起来 然后 就是说 那 所以说 不过吧 嗯"
_PARTICLES = "吧 呢 啊 嘛 呗 啦 哈 了 的 哦"
_OPENED_SHARE = 0.25
_PARTICLE_SHARE = 0.3
_REWORDED_SHARE = 0.7
_PLAINER_SHARE = 0.75
# Token numbers as characters from here on, so that regular expressions can read them.
_FIRST_CHARACTER = 0x10000


@dataclass(frozen=True, slots=True)
class Rewording:
    """Both directions, each a pattern and what may stand for what it finds; and a casual voice's ways."""

    plainer: tuple[re.Pattern[str], dict[str, list[str]]]
    more_formal: tuple[re.Pattern[str], dict[str, list[str]]]
    connective: re.Pattern[str]  # with what is before it: the beginning, or the end of a sentence
    sentence_end: re.Pattern[str]
    openers: list[str]
    particles: list[str]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Rewording:
        """For texts that are token numbers written as characters."""
        return cls.written(
            lambda word: _as_text(tokenizer.encode(word, add_special_tokens=False).ids),
        )

    @classmethod
    def written(cls, spelling: Callable[[str], str] = str) -> Rewording:
        """For plain texts or, with a `spelling`, for texts that spell every word in another way."""
        plainer: dict[str, list[str]] = {}
        more_formal: dict[str, list[str]] = {}
        for line in filter(None, _LEXICON.split("\n")):
            formal, *plain = (spelling(word) for word in line.split())
            plainer[formal] = plain
            for word in plain:
                if len(word) > 1:  # one character is too often part of another word
                    more_formal.setdefault(word, []).append(formal)
        ends = "".join(spelling(mark) for mark in "。！？；")
        connectives = "|".join(spelling(word) for word in _CONNECTIVES.split())
        return cls(
            plainer=(_pattern(plainer), plainer),
            more_formal=(_pattern(more_formal), more_formal),
            connective=re.compile(f"(^|[{ends}])(?:{connectives}){spelling('，')}?"),
            sentence_end=re.compile(f"([{ends}])"),
            openers=[spelling(word) for word in _OPENERS.split()],
            particles=[spelling(word) for word in _PARTICLES.split()],
        )

    def exchanged(self, text: str, noise: np.random.Generator, *, plainer: bool) -> str:
        """The text with most of the words that the lexicon knows exchanged in one direction."""
        pattern, choices = self.plainer if plainer else self.more_formal

        def exchange(match: re.Match[str]) -> str:
            if noise.random() > _REWORDED_SHARE:
                return match.group()
            found = choices[match.group()]
            return found[int(noise.integers(len(found)))]

        return pattern.sub(exchange, text)

    def casual(self, text: str, noise: np.random.Generator) -> str:
        """The text in plainer words, without its connectives, here and there with an opener or a particle."""
        shorter = self.exchanged(self.connective.sub(r"\1", text), noise, plainer=True)

        def end(match: re.Match[str]) -> str:
            particle, opener = "", ""
            if noise.random() < _PARTICLE_SHARE:
                particle = self.particles[int(noise.integers(len(self.particles)))]
            if noise.random() < _OPENED_SHARE and match.end() < len(shorter):
                opener = self.openers[int(noise.integers(len(self.openers)))]
            return particle + match.group() + opener

        return self.sentence_end.sub(end, shorter)


def in_casual_words(tokens: Tokens, rewording: Rewording, noise: np.random.Generator) -> Tokens:
    return _as_tokens(rewording.casual(_as_text(tokens.tolist()), noise))


def reworded(tokens: Tokens, rewording: Rewording, noise: np.random.Generator) -> Tokens:
    """Words exchanged, three times in four for plainer ones."""
    is_plainer = noise.random() < _PLAINER_SHARE
    text = rewording.exchanged(_as_text(tokens.tolist()), noise, plainer=bool(is_plainer))
    return _as_tokens(text)


def _pattern(words: dict[str, list[str]]) -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))


def _as_text(numbers: Sequence[int]) -> str:
    return "".join(chr(number + _FIRST_CHARACTER) for number in numbers)


def _as_tokens(text: str) -> Tokens:
    return np.array([ord(character) - _FIRST_CHARACTER for character in text], dtype=np.int32)
