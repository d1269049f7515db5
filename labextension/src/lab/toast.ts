/** A notification that is seen for a while: without a time JupyterLab only counts it in its list. Milliseconds. */
export const SEEN_FOR_A_WHILE = { autoClose: 10_000 };
