"""How a shown value is made of what stands in its files, in words."""

CELLS = {
    "top1": "mean over seeds ± their standard deviation",
    "top5": "mean over seeds ± their standard deviation",
    "ucf101": "each split averaged over seeds, then mean ± standard deviation over splits",
    "hmdb51": "each split averaged over seeds, then mean ± standard deviation over splits",
    **{f"{name}_full": "mean over seeds ± their standard deviation" for name in ("ucf101", "hmdb51")},
    **{
        f"{name}_half": "each draw averaged over seeds, then mean ± standard deviation over draws"
        for name in ("ucf101", "hmdb51")
    },
    **{
        f"{name}_no_text_adapter": "each split averaged over seeds, then mean ± their standard deviation"
        for name in ("ucf101", "hmdb51")
    },
    "from_paper": "top-1 less the paper's number ± the standard deviation over seeds",
    "ucf101_from_paper": "the mean over splits less the paper's number",
    "hmdb51_from_paper": "the mean over splits less the paper's number",
    "chance": "100 / labels",
    "parameters": "in units of 10^6",
    "correlation": "Pearson's, mean over pairs of the labels that the table's first row chooses ± over seeds",
    "correlation_size": "the mean of its size over the same pairs ± over seeds",
    "correlation_largest": "the largest of its sizes over the same pairs ± over seeds",
    **{
        f"{name}_{verbs}_verbs": "mean over splits of the videos whose verb is of this kind ± over seeds"
        for name in ("ucf101", "hmdb51")
        for verbs in ("trained", "untrained")
    },
    **{
        f"{name}_{verbs}_verbs_step": "less the reference's ± over seeds; interval: paired bootstrap"
        for name in ("ucf101", "hmdb51")
        for verbs in ("trained", "untrained")
    },
    "step": "top-1 less the reference's ± over seeds; interval: paired bootstrap over videos",
    "published_step": "the number less that of the paper's reference line",
}
CLAIMS = {
    "supervised": "top-1 less that of the other row; interval: paired bootstrap over videos",
    "zero-shot": "mean over splits, less that of the other row; interval: paired bootstrap over videos",
    "correlation": "mean correlation of label features less that of the other row; no interval",
    "correlation-size": "mean size of these correlations less that of the other row; no interval",
    "correlation-largest": "the largest size of these correlations less the other row's; no interval",
    "trade": "points over the best row of as many parameters or fewer; interval: paired bootstrap",
}
PRINTED = "the better row's number less the other's"
COST = "the row less main; interval: paired bootstrap over videos"
