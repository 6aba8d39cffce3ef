// In the place of glob and jiti, with which node-pg-migrate finds and loads migrations in JavaScript: ours are SQL files
// in one folder, so the bundle goes without them.
const absent = () => {
  throw new Error('only the SQL migrations of wfstore are in this bundle')
}

export const glob = absent
export const createJiti = () => ({ import: absent })
