import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0004_reviews'),
    ]

    operations = [
        migrations.CreateModel(
            name='Argument',
            fields=[
                ('result', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='argument', serialize=False, to='screening.screeningresult', verbose_name='screening result')),
                ('content', models.JSONField(editable=False, verbose_name='reflections for and against')),
            ],
            options={
                'verbose_name': 'argument for a call',
                'verbose_name_plural': 'arguments for calls',
            },
        ),
    ]
