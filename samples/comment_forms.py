"""What people fill in to say something."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from samples.fields import StyledBoundField


class CommentForm(forms.Form):
    """The row itself says how long a comment may be, so that what was typed comes back with its error."""

    bound_field_class = StyledBoundField

    text = forms.CharField(
        label=_("Comment"),
        strip=False,
        error_messages={"required": _("Write something first.")},
        help_text=_("@name tells somebody; codes of samples become links."),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": _("@name, shall we anneal it again?")}),
    )
