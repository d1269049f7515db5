/** Which values of a metric are the better ones, as far as its name tells. */

type Sure = 'higher' | 'lower';
export type Better = Sure | 'none';

const HIGHER =
  /^(?:.*[\W_])?(?:auc|auroc|auprc|ap|map|acc|accuracy|score|f1|f1score|fbeta|r2|precision|recall|sensitivity|specificity|iou|miou|dice|bleu|rouge|meteor|psnr|ssim|ndcg|mrr|reward|return|likelihood|kappa|mcc|throughput|speedup)(?:[\W_].*)?$/;
const LOWER =
  /^(?:.*[\W_])?(?:loss|error|err|mse|rmse|mae|mape|rmsle|logloss|nll|perplexity|ppl|wer|cer|fid|regret|deviance|latency|cost|brier|aic|bic)(?:[\W_].*)?$/;
// `neg_mean_squared_error` says the reverse of what it measures.
const REVERSED = /(?:^|[\W_])neg(?:ative)?[\W_](.*)$/;
// What measures no quality of a model, but a price that is paid for it.
const PRICE =
  /(^|[^a-z])(time|times|duration|elapsed|seconds|secs|sec|ms|s|mem|memory|bytes|price|errors|losses|distance|divergence|brier|ece|eer|bce|misses|fpr|fnr)([^a-z]|$)/;
const NO_QUALITY =
  /(^|[^a-z])(epochs?|steps?|iter|iters|iterations?|fold|seed|batch|size|count|num|n|lr|rate|samples|rows|tokens|rank)([^a-z]|$)/;

const known = new Map<string, Sure | null>();
/** Names are the users' own: they may be many. */
const REMEMBERED = 1000;

/** Null where nobody can tell. */
export function betterOf(metric: string): Sure | null {
  let better = known.get(metric);
  if (better === undefined) {
    const name = plain(metric);
    const measured = REVERSED.exec(name)?.[1];
    better = measured === undefined ? named(name) : reversed(named(measured));
    if (known.size < REMEMBERED) {
      known.set(metric, better);
    }
  }
  return better;
}

/** Of a column: guessed where `betterOf` can't tell. */
export function guess(column: string): Better {
  const metric = column.replace(/^metrics\./, '');
  const better = betterOf(metric);
  if (better) {
    return better;
  }
  const name = plain(metric);
  return REVERSED.test(name)
    ? 'higher'
    : PRICE.test(name)
      ? 'lower'
      : NO_QUALITY.test(name)
        ? 'none'
        : 'higher';
}

function named(name: string): Sure | null {
  return LOWER.test(name) ? 'lower' : HIGHER.test(name) ? 'higher' : null;
}

function reversed(better: Sure | null): Sure | null {
  return better && (better === 'lower' ? 'higher' : 'lower');
}

/** `valLoss` is `val_loss`. */
function plain(metric: string): string {
  return metric
    .slice(0, 60)
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
