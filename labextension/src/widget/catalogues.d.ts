/** The Python package's catalogues, which the bundler finds there. */
declare module 'tasktree-catalogues/*' {
  const catalogue: Record<string, unknown>;
  export default catalogue;
}
