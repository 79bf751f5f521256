{{ config(materialized='table', tags=['staging']) }}

-- People type addresses as they please; from here on they are comparable.
select
    cast(id as integer) as user_id,
    lower(trim(email)) as email
from {{ source('crm', 'users') }}
