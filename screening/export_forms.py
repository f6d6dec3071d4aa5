"""What people ask of an export, and the file that they bring."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mlmodels.export import parquet
from mlmodels.export.writing import Wanted
from samples.fields import StyledBoundField


class ExportForm(forms.Form):
    """Which parts are wanted beside HDF5, the CSV index, the data sheet and the manifest."""

    bound_field_class = StyledBoundField

    parquet = forms.BooleanField(
        required=False,
        label=gettext_lazy("Parquet too"),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    originals = forms.BooleanField(
        required=False,
        label=gettext_lazy("the files that the instruments wrote, too"),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not parquet.is_installed():
            self.fields["parquet"].disabled = True
            self.fields["parquet"].help_text = _(
                "Parquet needs the package pyarrow, which this installation lacks: pip install -r requirements-export.txt"
            )

    @property
    def wanted(self) -> Wanted:
        return Wanted(parquet=self.cleaned_data["parquet"], originals=self.cleaned_data["originals"])


class ImportForm(forms.Form):
    bound_field_class = StyledBoundField

    file = forms.FileField(
        label=gettext_lazy("Export of a data set"),
        help_text=gettext_lazy("An .eln archive that another Icosa has exported."),
        error_messages={"required": gettext_lazy("Choose a file."), "empty": gettext_lazy("The file is empty.")},
        widget=forms.FileInput(attrs={"accept": ".eln,.zip", "class": "form-control"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.MAX_DATASET_FILE_SIZE:
            raise ValidationError(
                _(
                    "The file is larger than %(limit)s GB. Ask whoever runs the lab's computer: manage.py import_dataset."
                )
                % {"limit": settings.MAX_DATASET_FILE_SIZE // 1_000_000_000}
            )
        return file
