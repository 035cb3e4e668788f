"""What the names of the data are called on a page, in Simplified Chinese.

Names of the shop's own (groups, labels, offers, channels that are not of the example) stand as the shop wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping

_CHANNELS = {
    "app_push": "应用推送",
    "email": "电子邮件",
    "sms": "短信",
    "till_receipt": "收银小票",
    "letter": "信件",
    "call": "电话",
}
NAMES: Mapping[str, Mapping[str, str]] = {
    "role": {"viewer": "查看者", "agent": "客服", "manager": "主管", "admin": "管理员"},
    "may": {
        "viewer": "查看名单，但不含单个客户的消息、依据和金额",
        "agent": "认领客户、记录结果、导出自己认领的客户",
        "manager": "导出、屏蔽、转交、载入近期动态",
        "admin": "管理账号与令牌、删除个人数据、查看审计日志",
    },
    "tier": {"new": "新客", "returning": "回头客", "regular": "常客", "devoted": "忠实客户"},
    "state": {"active": "活跃", "lapsing": "正在流失", "gone": "已流失"},
    "value_tier": {"top": "高", "middle": "中", "base": "基础"},
    "risk_band": {"low": "低", "medium": "中", "high": "高", "unscored": "未评分"},
    "change": {"new": "新上榜", "up": "↑ 上升", "same": "不变", "down": "↓ 下降", "left": "已离开名单"},
    "check": {"alert": "需查看", "passed": "正常", "not enough data": "数据不足"},
    "grade": {"model": "模型", "rule": "规则", "none": "到期日（无模型）"},
    "kind": {
        "contacted": "已联系",
        "opened": "已打开",
        "clicked": "已点击",
        "redeemed": "已使用优惠",
        "declined": "已拒绝",
        "unsubscribed": "已退订",
        "complained": "已投诉",
        "returned": "已回头",
        "skipped": "未发送",
    },
    "reason": {
        "price": "价格",
        "product": "商品",
        "service": "服务",
        "stock": "缺货",
        "moved": "已搬走",
        "competitor": "选择竞争对手",
        "no need": "不再需要",
        "wrongly listed": "误列名单",
    },
    "since": {
        "bought": "已购买",
        "complained": "已投诉",
        "withdrew consent": "已撤回同意",
        "refuses marketing": "拒绝营销",
        "suppressed": "已屏蔽",
        "already contacted": "已联系过",
    },
    "limit": {"capacity": "联系次数", "budget": "预算", **_CHANNELS},
    "channel": _CHANNELS,
    "preset": {"plain": "全部列", "sms_gateway": "短信网关", "crm": "CRM"},
    "severity": {"error": "须修正", "warning": "需查看", "note": "提示"},
    "verdict": {"works": "有效", "does nothing": "没有作用", "harms": "有害", "too early": "尚无定论"},
    "baseline": {
        "rfm_logit": "RFM",
        "all_feature_logit": "全特征逻辑回归",
        "mbg_nbd": "MBG/NBD",
        "lightgbm_default": "LightGBM",
    },
}
