"""The pages about people and keys."""

from django.urls import path

from accounts.web import api_keys, audit_log, home, invitations, members

urlpatterns = [
    path("", home.home, name="home"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
    path("o/<slug:slug>/keys/", api_keys.api_keys, name="api_keys"),
    path("o/<slug:slug>/keys/<int:key_id>/revoke", api_keys.revoke, name="revoke_api_key"),
    path("o/<slug:slug>/log/", audit_log.audit_log, name="audit_log"),
    path("o/<slug:slug>/members/", members.members, name="members"),
    path("o/<slug:slug>/members/<int:membership_id>/role", members.change, name="change_role"),
    path("o/<slug:slug>/members/<int:membership_id>/remove", members.remove, name="remove_member"),
    path("o/<slug:slug>/invitations/<int:invitation_id>/withdraw", members.withdraw, name="withdraw"),
]
