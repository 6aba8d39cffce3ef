/** How long a line may be, in MiB. It is in memory as a whole. */
export const USUAL_LONGEST = 64

/** A string of JavaScript cannot be longer. */
export const MOST_LONGEST = 500
