"""Words that say what the number after them is: my phone, this card, that order.

The nearest cue counts, and only where nothing but small words stands between it and the number:
`订单号是 4000…` is an order, `订单有问题，打我 138…` is a phone.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from typing import Literal

Cue = Literal["phone", "card", "bank", "account", "id", "cvv", "number", "thing", "code", ""]
# `number`: said to be the number of a thing (order, parcel, device). `thing`: a thing, not its number.

_ZH: dict[Cue, str] = {
    "phone": "手机号码 手机号 手机 电话号码 电话 联系电话 联系方式 联系号码 座机 固话 来电号码 来电 回电 回拨 致电 "
    "拨打 传真 号码 微信号 微信 打给 打我 请打 打",
    "card": "银行卡号 银行卡 信用卡卡号 信用卡号 信用卡 借记卡 储蓄卡 卡号 银联卡",
    "bank": "银行账号 银行账户 银行帐号 打款账号 收款账号 收款账户 退款账号 对公账户",
    "account": "账号 帐号 账户",
    "id": "身份证号码 身份证号 身份证 身份号码 证件号码 证件号 证件 id卡号 id卡 实名",
    "number": "订单编号 订单号码 订单号 单号 运单号 工单号 流水号 交易号 凭证号 合同号 发票号 序列号 序列码 型号 货号 "
    "批号 条码 条形码 编号 编码 设备号 设备码 设备id 机身号 机器码 激活码 兑换码 券码 券号 密钥 提货码 取件码 受理号 "
    "会员号 会员卡号 会员卡 礼品卡号 礼品卡 购物卡 手机卡号 sim卡号 卡券 税号 工号 信用代码 参考号 预约号 序号 "
    "通话id 呼叫id 来电id 订单id 用户id 会话id 串号 档案号 报修号 案件号 版本号",
    "thing": "订单 单子 运单 快递 物流 包裹 工单 流水 合同 发票 批次 设备 固件 版本 商品 中通 圆通 申通 韵达 顺丰 极兔 "
    "京东",
    "code": "验证码 报错 错误码 错误代码 错误 故障码 故障代码 代码 端口",
}
_NO = r"(?: (?:number|no))?"
_EN: dict[Cue, str] = {
    "phone": rf"(?:tele)?phone{_NO}|tel|mobile{_NO}|mob|cell(?:phone)?{_NO}|landline|caller id|"
    r"call(?:ed|ing|er)?(?: (?:me|us|him|her|them))?(?: back)?|ring(?: me)?|text(?: me)?|sms|dial|whatsapp|wechat|fax|"
    rf"contact{_NO}|(?:my|his|her|our|their|new|old|home|work|office|daytime) (?:number|no)|number to call|"
    r"(?:reach|get) (?:me|us|him|her)|reachable",
    "card": rf"(?:(?:credit|debit|bank|payment|visa) )?card{_NO}|visa|mastercard|amex|american express|unionpay|"
    r"maestro|long number(?: on the front)?",
    "bank": rf"bank account{_NO}",
    "account": rf"account{_NO}",
    "id": rf"(?:identity|identification|id) (?:card|number|no){_NO}|(?:national|chinese|resident) id|id",
    "number": r"(?:order|tracking|parcel|shipment|consignment|waybill|serial|ticket|case|reference|ref|invoice|"
    r"transaction|batch|lot|part|model|device|product|item|call|session|trace|request|booking|confirmation|voucher|"
    r"coupon|customer|user|contract|policy|asset|member(?:ship)?|report|claim|receipt|return|"
    r"rma|po|job|licen[cs]e|activation|redemption|promo|discount|pickup)s? ?"
    rf"(?:id|numbers?|nos?|num|code|key|ref|reference|#)|(?:gift|loyalty|membership|store|sim|library) card{_NO}|s/n|"
    r"sn|imei|meid|iccid|awb|barcode|ean|upc|isbn|sku|uid|uuid|mac|serial|ref|reference|tracking|rma",
    "thing": r"order|parcel|package|shipment|consignment|waybill|ticket|invoice|transaction|batch|lot|model|version|"
    r"firmware|build|voucher|coupon|contract|receipt|sf|yt|zto|sto|jd|jt|ems|ups|dhl|fedex|usps",
    "code": r"error(?: code)?|fault(?: code)?|code|port|status",
}
_BACK = "背面|背后|反面|后面"
_SECURITY_CODE = re.compile(
    r"(?<![a-z])c[ .]?(?:v[ .]?[vcn]|s[ .]?c)\.?(?:2(?![0-9]))?(?:码| code| number)?(?![a-z])|安全(?:验证|代)?码|"
    rf"卡片?验证码|信用卡验证码|校验码|卡片?的?(?:{_BACK})(?:的?(?:那)?(?:后|末)?[三3四4][位个]数?字?)?|"
    rf"(?:{_BACK}|签名[栏条面]|卡)上?的?(?:那)?(?:最?后|末)?[三3][位个码](?:数字|数|码)?|背面的?数字|"
    r"(?<![a-z])(?:security (?:code|number|digits)|card verification (?:value|code|number)|"
    r"signature (?:strip|panel)|back of (?:the|my) card|"
    r"(?:three|3|four|4)[ -]digit (?:security )?(?:code|number)|"
    r"(?:three|3|four|4)[ -]?(?:digits?|numbers?)(?: number| code)? (?:on|at|from) the (?:back|rear|signature)|"
    r"(?:code|numbers?|digits) (?:on|at|from) the (?:back|rear)(?: of (?:my|the) card)?)(?![a-z])"
)
_CLASS_OF = {word: cue for cue, words in _ZH.items() for word in words.split()}
# Bare words, nothing else: then the engine can skip to where one may begin.
_CUE_ZH = re.compile("|".join(sorted(_CLASS_OF, key=len, reverse=True)))
_ORDER: tuple[Cue, ...] = ("number", "id", "card", "bank", "account", "phone", "thing", "code")
_CUE_EN = re.compile(rf"(?<![a-z])(?=[a-z])(?:{'|'.join(f'(?P<{cue}>{_EN[cue]})' for cue in _ORDER)})s?(?![a-z])")
# What may stand between a cue and its number. Possessive: it never goes back.
_BETWEEN = re.compile(
    r"(?:[\s:=#*,.;\-–—()\[\]【】「」“”\"'‘’<>]|号码|号|码|是|为|的|叫|写|填|报|念|输|了|这个|那个|就|我|您|他|她|它|给|请|一下|记|下|"
    r"(?:is|was|are|number|no|of|my|the|it|its|on|at|to|this|that|as|me|us|him|her|back|please|by|via|s|and|full|whole|using|"
    r"with|ending|here|new)(?![a-z]))*+"
)
# What may stand between an order, a parcel or an error and its number: less, for most of what is said of them goes on.
_BETWEEN_THING = re.compile(
    r"(?:[\s:=#.\-–—()\[\]【】「」“”\"'‘’]|号码|号|码|是|为|(?:is|was|number|no|id|ref|code|the|full|whole)(?![a-z]))*+"
)
_REACH = 28  # characters between a cue and its number, at most


_THINGS = ("number", "thing", "code")


class Cues:
    """The cues of one folded text; looked for when first asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    @functools.cached_property
    def security_codes(self) -> list[tuple[int, int]]:
        """Where words name a card's security code."""
        return [match.span() for match in _SECURITY_CODE.finditer(self._text)]

    @functools.cached_property
    def _places(self) -> tuple[list[int], list[Cue]]:
        """Where each cue ends, in order, and what it says; of two that end together the last one counts."""
        found: list[tuple[int, Cue]] = [(m.end(), _CLASS_OF[m.group()]) for m in _CUE_ZH.finditer(self._text)]
        found += [(m.end(), m.lastgroup) for m in _CUE_EN.finditer(self._text)]  # type: ignore[misc]
        found += [(end, "cvv") for _, end in self.security_codes]
        found.sort(key=lambda one: (one[0], one[1] == "cvv"))
        return [end for end, _ in found], [cue for _, cue in found]

    def before(self, place: int) -> Cue:
        """What the words right before this place say the number there is; '' where they say nothing."""
        ends, kinds = self._places
        nearest = bisect_right(ends, place) - 1
        if nearest < 0 or place - ends[nearest] > _REACH:
            return ""
        between = (_BETWEEN_THING if kinds[nearest] in _THINGS else _BETWEEN).match(self._text, ends[nearest], place)
        return kinds[nearest] if between and between.end() == place else ""
