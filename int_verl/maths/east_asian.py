"""The words of Chinese and Japanese answers, as the reader spells them."""

from __future__ import annotations

import re

_ANY = re.compile("[\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uff01\uff0c\uff0e\uff1b]")
_SPELLED = {
    " , ": "、 ， 和 與 与 及 以及 且 并且 並且 と 及び",
    " or ": "或 或者 または 又は 若しくは",
    ".": "。 ．",
    ";": "； ;",
    '"': "「 」 『 』",
    "does not exist": "不存在",
    "no solution": "无解 無解 无实数解 解なし 解無し 空集",
    "all real numbers": "全体实数 一切实数 任意实数 すべての実数",
    "\\approx ": "约 約 大约 约为 约等于",
    " \\degree ": "度",
    " \\times 10^{4} ": "万 萬",
    " \\times 10^{8} ": "亿 億",
    " dollars ": "美元 ドル",
    " euros ": "欧元 ユーロ",
    " yuan ": "元 块 圆 人民币",
    " yen ": "円 日元",
    " km ": "千米 公里 キロメートル",
    " meters ": "米 公尺 メートル",
    " dm ": "分米",
    " cm ": "厘米 公分 センチメートル",
    " mm ": "毫米",
    " kg ": "千克 公斤 キログラム",
    " grams ": "克 グラム",
    " tonnes ": "吨",
    " liters ": "升 リットル",
    " ml ": "毫升",
    " square ": "平方",
    " cubic ": "立方",
    " hours ": "小时 小時 时 時間",
    " minutes ": "分钟 分鐘 分間",
    " seconds ": "秒",
    " days ": "天 日",
    " years ": "岁 歲 年 歳",
    " weeks ": "周 星期",
    " per hour ": "每小时",
    " per second ": "每秒",
    " per minute ": "每分钟",
}  # fmt: skip
_WORDS = {word: ours for ours, words in _SPELLED.items() for word in words.split()}
_WORD = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
_LEAD = re.compile(
    r"^(\s*(?:\\text\s*\{)?\s*)(?:所以|因此|故|则|最终|本题|这道题的|正确)*(?:答案?|答え|解集|解|选|選|应选|结果|共有?|一共有?)"
    r"(?:是|为|為|は|等于)?\s*[:：,，]?\s*(?=[^\u3040-\u30ff\u3400-\u9fff])"
)
_PERCENT = re.compile(r"百分之\s*([0-9.]+)")
_RATIO = re.compile(r"(?<=[0-9])\s*比\s*(?=[0-9])")
_IT_IS = re.compile(
    r"^(?:[A-Za-z]\s*的)?(?![^是为為は]*(?:不|非|未|没|否|或|至少|至多|大于|小于|约))[\u3400-\u9fff]{1,12}(?:是|为|為|等于|は)\s*[:：]?\s*"
    r"(?=[-+0-9$\\√π(])"
)
_ENDING = re.compile(r"(?:です|である|だ|になる|となる)(?=[\s。.}]*$)")
_COUNTERS = (
    "个 個 种 種 次 人 名 位 本 只 隻 条 條 张 張 件 块 棵 辆 輛 枚 颗 顆 组 組 对 對 双 雙 套 道 题 題 根 支 枝 "
    "头 頭 匹 座 间 間 台 层 層 份 袋 箱 盒 瓶 杯 碗 排 行 列 页 頁 篇 句 步 圈 倍 场 場 局 盘 つ 通り 冊 回"
)
_COUNTER = re.compile(
    r"(?<=[0-9}\])])(\s*(?:\\(?:text|mbox|mathrm)\s*\{\s*)?)(?:" + "|".join(_COUNTERS.split()) + r")"
    r"(?:[\u3400-\u9fff](?<![或和与及且不])){0,6}(?![\u3400-\u9fff](?<![或和与及且]))"
)


def spelled(text: str) -> str:
    """``text`` with English words and ASCII punctuation for the Chinese and Japanese ones that it is usual to answer
    with; a counter after a number is gone, and any other word stays.
    """
    if _ANY.search(text) is None:
        return text
    text = _RATIO.sub(":", _PERCENT.sub(r"\1\\%", text))
    text = _COUNTER.sub(r"\1", _ENDING.sub("", _IT_IS.sub("", _LEAD.sub(r"\1", text))))
    return _WORD.sub(lambda match: _WORDS[match[0]], text)
