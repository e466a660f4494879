"""Twenty papers to hand in, no two alike: half as text, half as Word files that must be read first."""

from __future__ import annotations

import io
import random
import uuid

import docx

SUBJECTS = ("水稻", "城市排水", "方言", "量子点", "县志", "公共图书馆", "珊瑚", "养老院", "铁路", "茶叶")
PARTS = (
    "我们在{place}走访了{number}户人家，记录下每户对{subject}的看法。",
    "与预想不同，{subject}的变化并不均匀，{place}的数据比别处早了{number}天。",
    "第{number}次测量时仪器受潮，相关数据已剔除，{subject}部分据此重新计算。",
    "一位老人说起{subject}，讲了{number}分钟，大多是{place}的旧事。",
    "由此看来，{subject}与{place}的关系，至少要再观察{number}个月才好下判断。",
)
PLACES = ("村东", "河口", "老城区", "山脚", "北岸", "集镇")


def paper_text(seed: int, *, paragraphs: int = 12) -> str:
    chance = random.Random(seed)
    written = []
    for _ in range(paragraphs):
        sentences = [
            chance.choice(PARTS).format(
                place=chance.choice(PLACES), subject=chance.choice(SUBJECTS), number=chance.randint(3, 90)
            )
            for _ in range(chance.randint(4, 8))
        ]
        written.append("".join(sentences))
    return "\n\n".join(written)


def paper_docx(seed: int) -> bytes:
    document = docx.Document()
    document.add_heading(f"关于{SUBJECTS[seed % len(SUBJECTS)]}的调查", level=1)
    for paragraph in paper_text(seed).split("\n\n"):
        document.add_paragraph(paragraph)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def multipart(filename: str, content: bytes) -> tuple[bytes, str]:
    """Body and content type of a form with one file."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    return (
        head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )
