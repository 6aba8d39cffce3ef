/** The form of a token. */
export const LOGIN = `
.login { max-width: 26rem; margin-top: 1.2rem; display: grid; gap: 0.6rem; justify-items: start; }
.login label { margin-bottom: -0.4rem; }
.login .notice { margin: 0; }
`
