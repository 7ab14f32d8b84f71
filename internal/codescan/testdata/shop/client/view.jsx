export const View = () => <p>Don't {flags.isEnabled("in-jsx") && <b>it's</b>}</p>;
