"""Each reading knows the hash of its numbers; readings from before get theirs."""

from django.db import migrations, models


def hash_the_numbers(apps, schema_editor):
    from samples.models.readings import arrays_sha256

    Reading = apps.get_model('samples', 'Reading')
    ReadingArrays = apps.get_model('samples', 'ReadingArrays')
    waiting = ReadingArrays.objects.filter(reading__arrays_sha256='').order_by('pk')
    while batch := list(waiting[:500]):
        Reading.objects.bulk_update(
            [Reading(pk=a.pk, arrays_sha256=arrays_sha256(a.two_theta, a.intensity)) for a in batch], ['arrays_sha256']
        )


class Migration(migrations.Migration):

    dependencies = [
        ('samples', '0007_history'),
    ]

    operations = [
        migrations.AddField(
            model_name='reading',
            name='arrays_sha256',
            field=models.CharField(blank=True, default='', editable=False, max_length=64, verbose_name='SHA-256 of the numbers'),
            preserve_default=False,
        ),
        migrations.RunPython(hash_the_numbers, migrations.RunPython.noop),
    ]
