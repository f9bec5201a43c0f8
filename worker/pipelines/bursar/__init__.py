"""The steps of the pipelines that bill fees: the bursar conversion and the balance export."""
