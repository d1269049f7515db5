/** Which values of a metric are the better ones, as far as its name tells. */

const HIGHER =
  /^(?:.*[\W_])?(?:auc|auroc|auprc|ap|map|acc|accuracy|score|f1|f1score|fbeta|r2|precision|recall|sensitivity|specificity|iou|miou|dice|bleu|rouge|meteor|psnr|ssim|ndcg|mrr|reward|return|likelihood|kappa|mcc|throughput|speedup)(?:[\W_].*)?$/;
const LOWER =
  /^(?:.*[\W_])?(?:loss|error|err|mse|rmse|mae|mape|rmsle|logloss|nll|perplexity|ppl|wer|cer|fid|regret|deviance|latency|cost|brier|aic|bic)(?:[\W_].*)?$/;

const known = new Map<string, 'higher' | 'lower' | null>();
/** Names are the users' own: they may be many. */
const REMEMBERED = 1000;

/** Null where nobody can tell. */
export function betterOf(metric: string): 'higher' | 'lower' | null {
  let better = known.get(metric);
  if (better === undefined) {
    const name = metric.slice(0, 60).toLowerCase();
    better = LOWER.test(name) ? 'lower' : HIGHER.test(name) ? 'higher' : null;
    if (known.size < REMEMBERED) {
      known.set(metric, better);
    }
  }
  return better;
}
