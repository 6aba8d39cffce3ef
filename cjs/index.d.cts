// The types of index.cjs. TypeScript takes a declaration beside CommonJS for CommonJS, so the values are named here again.
type Library = typeof import('../dist/types/index.js', { with: { 'resolution-mode': 'import' }})

export type * from '../dist/types/index.js' with { 'resolution-mode': 'import' }
export declare const openStore: Library['openStore']
export declare const workflowStore: Library['workflowStore']
export declare const WfstoreError: Library['WfstoreError']
export type WfstoreError = InstanceType<Library['WfstoreError']>
