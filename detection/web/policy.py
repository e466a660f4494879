from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.models import Policy
from detection.selectors.policies import policy_of
from detection.services.policies import change_policy


class PolicyForm(forms.Form):
    KEEP, RESULT_ONLY, DAYS = "keep", "result_only", "days"
    RETENTION = [
        (KEEP, gettext_lazy("Keep texts and files until somebody erases them")),
        (DAYS, gettext_lazy("Erase texts and files after a number of days")),
        (RESULT_ONLY, gettext_lazy("Keep nothing but the result")),
    ]

    tolerated_fpr = forms.TypedChoiceField(
        choices=Policy.ToleratedFpr.choices, coerce=Decimal, widget=forms.RadioSelect
    )
    retention = forms.ChoiceField(choices=RETENTION, widget=forms.RadioSelect)
    days = forms.IntegerField(label=gettext_lazy("Days"), min_value=1, max_value=3650, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (
            cleaned.get("retention") == self.DAYS
            and cleaned.get("days") is None
            and "days" not in self.errors
        ):
            self.add_error("days", _("Say after how many days."))
        return cleaned

    @property
    def retention_days(self) -> int | None:
        days: int | None = self.cleaned_data["days"]
        return {self.KEEP: None, self.RESULT_ONLY: 0, self.DAYS: days}[self.cleaned_data["retention"]]


@member_page(Permission.MANAGE_POLICY)
def policy(request: MemberRequest) -> HttpResponse:
    current = policy_of(organization_id=request.membership.organization_id)
    form = PolicyForm(request.POST or None, initial=_initial(current))
    if request.method == "POST" and form.is_valid():
        change_policy(
            organization_id=request.membership.organization_id,
            tolerated_fpr=form.cleaned_data["tolerated_fpr"],
            retention_days=form.retention_days,
            changed_by=request.user,
        )
        messages.success(request, _("The policy has been saved. It holds for what is submitted from now on."))
        return redirect("policy", slug=request.membership.organization.slug)
    return render(request, "detection/policy.html", {"form": form})


def _initial(current: Policy) -> dict[str, Any]:
    retention = {None: PolicyForm.KEEP, 0: PolicyForm.RESULT_ONLY}.get(
        current.retention_days, PolicyForm.DAYS
    )
    rate = next(v for v, _label in Policy.ToleratedFpr.choices if Decimal(v) == current.tolerated_fpr)
    return {"tolerated_fpr": rate, "retention": retention, "days": current.retention_days or None}
