//! The questions that a database is asked about its catalog. Each answers with one JSON object per row, so that
//! all of them go out as one simple query: one round trip, and no prepared statement that a pooler between
//! could lose.

/// Before the questions: one snapshot for all of them, the schema that the session works in, and a search path, which
/// decides what PostgreSQL leaves out.
pub(super) const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT row_to_json(answer) FROM (SELECT current_schema() AS schema) answer;
SET LOCAL search_path = ";

/// After the questions.
pub(super) const COMMIT: &str = "COMMIT";

/// Schemas of the user's: every question is about what stands in them.
macro_rules! in_user_schema {
    ($alias:literal) => {
        concat!($alias, ".nspname !~ '^pg_' AND ", $alias, ".nspname <> 'information_schema'")
    };
}

/// Made for itself: not brought by an extension, not a part of another object. The columns of a partition key are
/// parts of their own table.
macro_rules! own {
    ($class:literal, $oid:literal) => {
        concat!(
            "NOT EXISTS (SELECT FROM pg_catalog.pg_depend own WHERE own.classid = '",
            $class,
            "'::regclass AND own.objid = ",
            $oid,
            " AND own.objsubid = 0 AND own.deptype IN ('e', 'i'))"
        )
    };
}

/// Who but the owner may do what.
macro_rules! privileges {
    ($acl:expr, $owner:literal) => {
        concat!(
            "ARRAY(SELECT acl.privilege_type || ' to ' || CASE acl.grantee WHEN 0 THEN 'PUBLIC'
              ELSE pg_get_userbyid(acl.grantee)::text END || CASE WHEN acl.is_grantable THEN ' with grant option' ELSE '' END
              FROM aclexplode(",
            $acl,
            ") acl WHERE acl.grantee <> ",
            $owner,
            " ORDER BY 1)"
        )
    };
}

pub(super) const SCHEMAS: &str = concat!(
    "SELECT n.nspname AS name, ",
    privileges!("n.nspacl", "n.nspowner"),
    " AS privileges FROM pg_namespace n WHERE ",
    in_user_schema!("n"),
    " AND ",
    own!("pg_namespace", "n.oid")
);

pub(super) const EXTENSIONS: &str =
    "SELECT extname AS name, extversion AS version FROM pg_extension WHERE extname <> 'plpgsql'";

/// Tables, views, sequences and the rows of composite types.
pub(super) const RELATIONS: &str = concat!(
    "SELECT c.oid::int8 AS id, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       CASE WHEN c.relforcerowsecurity AND c.relrowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'on' ELSE 'off' END AS row_security,
       c.relpersistence = 'u' AS unlogged,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partitioned_by,
       pg_get_expr(c.relpartbound, c.oid) AS bound,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition,
       CASE WHEN c.relkind IN ('r', 'p', 'f') THEN
         ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid) END AS parents,
       CASE WHEN c.relacl IS NOT NULL THEN ",
    privileges!("c.relacl", "c.relowner"),
    " END AS privileges,
       CASE WHEN c.relkind = 'S' THEN (
         SELECT format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s',
           format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
           CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)
         FROM pg_sequence s WHERE s.seqrelid = c.oid) END AS sequence,
       owner.refobjid::int8 AS owner, owner.refobjsubid AS owner_column
     FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_depend owner ON c.relkind = 'S' AND owner.classid = 'pg_class'::regclass AND owner.objid = c.oid
       AND owner.refclassid = 'pg_class'::regclass AND owner.refobjsubid > 0 AND owner.deptype IN ('a', 'i')
     WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c') AND c.relpersistence <> 't'
       AND c.relname <> '_prisma_migrations' AND ",
    in_user_schema!("n"),
    " AND ",
    own!("pg_class", "c.oid")
);

pub(super) const COLUMNS: &str = concat!(
    "SELECT a.attrelid::int8 AS relation, a.attnum AS number, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS data_type, NOT a.attnotnull AS nullable,
       pg_get_expr(d.adbin, d.adrelid) AS expression,
       CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END AS identity,
       a.attgenerated <> '' AS generated,
       CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0
         THEN (SELECT o.collname FROM pg_collation o WHERE o.oid = a.attcollation) END AS collation,
       CASE WHEN a.attacl IS NOT NULL THEN ",
    privileges!("a.attacl", "c.relowner"),
    " END AS privileges
     FROM pg_attribute a
     JOIN pg_class c ON c.oid = a.attrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_type t ON t.oid = a.atttypid
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'c') AND ",
    in_user_schema!("n"),
    " ORDER BY a.attrelid, a.attnum"
);

/// An index's definition begins after its name and its table's: another name is no other definition.
pub(super) const INDEXES: &str = concat!(
    "SELECT i.indrelid::int8 AS relation, i.indexrelid::int8 AS id, c.relname AS name,
       substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I ',
         CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname, CASE c.relkind WHEN 'I' THEN 'ONLY ' END,
         n.nspname, t.relname))) AS definition,
       i.indisunique AS is_unique, (i.indkey::int2[])[0:i.indnkeyatts - 1] AS columns,
       i.indpred IS NOT NULL AS partial,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid
         AND k.contype IN ('p', 'u', 'x')) AS of_constraint,
       i.indisvalid AS valid
     FROM pg_index i
     JOIN pg_class c ON c.oid = i.indexrelid
     JOIN pg_class t ON t.oid = i.indrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relpersistence <> 't' AND ",
    in_user_schema!("n")
);

/// `NOT NULL` stands with the columns, alike in every version, though 18 makes a constraint of it.
pub(super) const CONSTRAINTS: &str = concat!(
    "SELECT k.conrelid::int8 AS relation, k.contypid::int8 AS domain, k.oid::int8 AS id, k.conname AS name,
       k.contype AS kind, pg_get_constraintdef(k.oid) AS definition, k.conkey AS columns,
       k.confrelid::int8 AS referenced, k.confkey AS referenced_columns
     FROM pg_constraint k
     JOIN pg_namespace n ON n.oid = k.connamespace
     WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND ",
    in_user_schema!("n")
);

pub(super) const TYPES: &str = concat!(
    "SELECT t.oid::int8 AS id, n.nspname AS schema, t.typname AS name, t.typtype AS kind,
       t.typrelid::int8 AS relation,
       CASE WHEN t.typtype = 'e' THEN
         ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) END AS labels,
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
         WHEN 'r' THEN (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid) END AS base,
       NOT t.typnotnull AS nullable, t.typdefault AS expression
     FROM pg_type t
     JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE (t.typtype IN ('e', 'd', 'r')
         OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) AND ",
    in_user_schema!("n"),
    " AND ",
    own!("pg_type", "t.oid")
);

pub(super) const ROUTINES: &str = concat!(
    "SELECT p.oid::int8 AS id, n.nspname AS schema, p.proname AS name,
       pg_get_function_identity_arguments(p.oid) AS arguments,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END AS definition, ",
    privileges!("coalesce(p.proacl, acldefault('f', p.proowner))", "p.proowner"),
    " AS privileges
     FROM pg_proc p
     JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE ",
    in_user_schema!("n"),
    " AND ",
    own!("pg_proc", "p.oid")
);

/// Triggers, policies and rules.
pub(super) const ATTACHED: &str = concat!(
    "SELECT 'trigger' AS kind, t.tgrelid::int8 AS relation, t.oid::int8 AS id, t.tgname AS name,
       pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED'
         WHEN 'R' THEN ' ENABLED ON REPLICA' ELSE ' ENABLED ALWAYS' END AS definition
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND ",
    in_user_schema!("n"),
    " UNION ALL
     SELECT 'policy', p.polrelid::int8, p.oid::int8, p.polname,
       concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, 'FOR',
         CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
         'TO', array_to_string(ARRAY(SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role)::text END
           FROM unnest(p.polroles) role ORDER BY 1), ', '),
         'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
         'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
     FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ",
    in_user_schema!("n"),
    " UNION ALL
     SELECT 'rule', r.ev_class::int8, r.oid::int8, r.rulename, pg_get_ruledef(r.oid)
     FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN' AND ",
    in_user_schema!("n")
);

/// What is left that a user can make, by PostgreSQL's own words for it. Everything that a user made has a number
/// from 16384 upwards.
pub(super) const OTHERS: &str = "
SELECT o.type || ' ' || o.identity AS name FROM (
  SELECT 'pg_statistic_ext'::regclass AS class, oid FROM pg_statistic_ext
  UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oid >= 16384
  UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass WHERE oid >= 16384
  UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily WHERE oid >= 16384
  UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384
  UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation WHERE oid >= 16384
  UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion WHERE oid >= 16384
  UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE oid >= 16384
  UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict WHERE oid >= 16384
  UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE oid >= 16384
  UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
  UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
  UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
  UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
) made, LATERAL pg_identify_object(made.class, made.oid, 0) o
WHERE NOT EXISTS (SELECT FROM pg_depend own WHERE own.classid = made.class AND own.objid = made.oid AND own.deptype IN ('e', 'i'))";
