type Words<Line extends string> = Line extends `${infer Word} ${infer Rest}` ? Word | Words<Rest> : Line;

/** An object of those fields, all null: what Stripe's have and nobody set here. */
export const nulls = <Line extends string>(...lines: Line[]) =>
  Object.fromEntries(lines.flatMap((line) => line.split(' ')).map((name) => [name, null])) as Record<
    Words<Line>,
    null
  >;
