import django.db.models.deletion
from django.db import migrations, models

import samples.models.words


def list_words(apps, schema_editor):
    Sample, SampleWord = apps.get_model("samples", "Sample"), apps.get_model("samples", "SampleWord")
    words = (
        SampleWord(sample=sample, word=word)
        for sample in Sample.objects.order_by("pk").iterator(chunk_size=1000)
        for word in samples.models.words.words_of_sample(sample)
    )
    SampleWord.objects.bulk_create(words, batch_size=5000)


class Migration(migrations.Migration):
    dependencies = [("samples", "0002_signed_entries")]

    operations = [
        migrations.CreateModel(
            name="SampleWord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "sample",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="words",
                        to="samples.sample",
                        verbose_name="sample",
                    ),
                ),
                ("word", samples.models.words.WordField(max_length=40, verbose_name="word")),
            ],
            options={
                "verbose_name": "word of a sample",
                "verbose_name_plural": "words of samples",
                "constraints": [models.UniqueConstraint(fields=("sample", "word"), name="one_row_a_word")],
                "indexes": [
                    models.Index(
                        fields=["word", "sample"], name="word_samples", opclasses=["varchar_pattern_ops", "int8_ops"]
                    )
                ],
            },
        ),
        migrations.RunPython(list_words, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="reading",
            index=models.Index(fields=["radiation", "pattern"], name="reading_radiation"),
        ),
        migrations.AddIndex(
            model_name="sample",
            index=models.Index(
                condition=models.Q(("archived_at__isnull", False)), fields=["-id"], name="sample_archived"
            ),
        ),
        migrations.AddIndex(
            model_name="sample",
            index=models.Index(condition=models.Q(("simulated", True)), fields=["-id"], name="sample_simulated"),
        ),
        migrations.AddIndex(
            model_name="sample",
            index=models.Index(condition=models.Q(("used_up", True)), fields=["-id"], name="sample_used_up"),
        ),
        migrations.AddIndex(
            model_name="sampleelement",
            index=models.Index(fields=["element", "amount", "sample"], name="element_amounts"),
        ),
    ]
