"""What an evaluation found, for people: as text, as a page with figures, and in the model card.

The figures themselves come from :mod:`mlmodels.net.evaluation`; everything here reads its JSON, and needs no torch.
"""
