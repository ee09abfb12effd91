/**
 * ln(1 - exp(x)) for x < 0, right at both ends (Maechler 2012): it turns the ln of one tail into the ln of the other where the first is
 * not close to 1. Internal.
 */
export function ln1MinusExp(x: number): number {
  // + 0 makes +0 of the -0 of an x below -745: -0 would not come back from JSON as itself.
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x)) + 0
}
