"""Promotions become signed entries: those from before get their numbers and hashes in the order in which they were made."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def chain(apps, schema_editor):
    from samples.models.signed import entry_sha256

    Promotion = apps.get_model('mlmodels', 'Promotion')
    ChainHead = apps.get_model('samples', 'ChainHead')
    table, previous, number = Promotion._meta.db_table, '', 0
    for number, row in enumerate(Promotion.objects.order_by('pk'), start=1):
        columns = {
            'number': number,
            'signer_id': row.signer_id,
            'signed_at': row.signed_at,
            'meaning': 'New patterns are screened by this version from now on.',
            'reason': row.reason,
            'previous_sha256': previous,
            'version_id': row.version_id,
            'former_id': row.former_id,
        }
        row.number, row.meaning, row.previous_sha256 = number, columns['meaning'], previous
        row.sha256 = previous = entry_sha256(table, columns)
        row.save(update_fields=['number', 'meaning', 'previous_sha256', 'sha256'])
    if number:
        ChainHead.objects.create(table=table, n_entries=number, sha256=previous)


def unchain(apps, schema_editor):
    apps.get_model('samples', 'ChainHead').objects.filter(table='mlmodels_promotion').delete()


class Migration(migrations.Migration):

    dependencies = [
        ('mlmodels', '0001_initial'),
        ('samples', '0002_signed_entries'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameField('Promotion', 'promoted_at', 'signed_at'),
        migrations.RenameField('Promotion', 'promoted_by', 'signer'),
        migrations.AlterField(
            model_name='promotion',
            name='signed_at',
            field=models.DateTimeField(editable=False, verbose_name='signed at'),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='signer',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='signed by'),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='reason',
            field=models.CharField(max_length=1000, verbose_name='reason'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='number',
            field=models.PositiveBigIntegerField(editable=False, null=True, verbose_name='number'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='meaning',
            field=models.CharField(default='', editable=False, max_length=200, verbose_name='what the signature means'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='promotion',
            name='previous_sha256',
            field=models.CharField(blank=True, default='', editable=False, max_length=64, verbose_name='hash of the entry before'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='promotion',
            name='sha256',
            field=models.CharField(editable=False, max_length=64, null=True, verbose_name='hash'),
        ),
        migrations.RunPython(chain, unchain),
        migrations.AlterField(
            model_name='promotion',
            name='number',
            field=models.PositiveBigIntegerField(editable=False, unique=True, verbose_name='number'),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='sha256',
            field=models.CharField(editable=False, max_length=64, unique=True, verbose_name='hash'),
        ),
        migrations.AlterModelOptions(
            name='promotion',
            options={'ordering': ['-number'], 'verbose_name': 'promotion', 'verbose_name_plural': 'promotions'},
        ),
    ]
