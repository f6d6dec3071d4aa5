from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('samples', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChainHead',
            fields=[
                ('table', models.CharField(max_length=63, primary_key=True, serialize=False)),
                ('n_entries', models.PositiveBigIntegerField(default=0)),
                ('sha256', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
