/** A number that is short where there is little room; which places are so is the style sheets' matter. Read out it is always exact. */
export function Shortened({ exact, short }: { exact: string; short: string }) {
  return exact === short ? (
    exact
  ) : (
    <>
      <span className="tt-exact">{exact}</span>
      <span className="tt-short" aria-hidden="true">
        {short}
      </span>
    </>
  );
}
